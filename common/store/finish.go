package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"starmesh/common/atomicfile"
	"starmesh/common/fault"
)

// Finish gives the file its final name, when all of it is held: it is on the
// disk by then, with the mode and time of Options. It may be called again,
// after a failure too. The Part stays open for reading until Close. It fails
// with fault.Invalid before the file is whole, fault.Exists when the name was
// taken meanwhile (see Options.Force), fault.Changed when somebody removed or
// replaced the files in the making, and fault.Closed after Close.
func (p *Part) Finish() error {
	if err := p.presync(); err != nil {
		return err
	}
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.files.read == nil {
		return p.closed()
	}
	if missing := p.list.Len() - p.Have().Count(); missing > 0 {
		return fault.Wrapf(fault.Invalid, "%s is not whole: %d of %d chunks are missing", p.n.final, missing, p.list.Len())
	}
	for _, step := range p.finishing() {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// presyncFrom is from how many bytes on the disk is asked to confirm them
// before Finish excludes all others.
const presyncFrom = 8 << 20

// presync makes the disk confirm most of what is held while chunks can still
// be read: a slow one takes seconds, and Finish lets nobody read meanwhile.
func (p *Part) presync() error {
	p.busy.RLock()
	defer p.busy.RUnlock()
	if p.files.data == nil || p.opt.NoSync {
		return nil
	}
	p.mu.Lock()
	bits := p.progress.due(presyncFrom)
	p.mu.Unlock()
	if bits == nil {
		return nil
	}
	return p.sync(bits)
}

// finishing are the steps to the finished file. Each may be done again, and
// what any number of them leaves, killed in between, the next Create
// understands: as long as NAME.part is there, it goes on as ever; later, it
// knows the file by what noteFinal wrote.
func (p *Part) finishing() []func() error {
	if p.files.done {
		return nil
	}
	return []func() error{p.flush, p.dress, p.noteFinal, p.closeData, p.rename, p.forget}
}

// flush makes the disk confirm what is held and was not confirmed yet.
func (p *Part) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progress
	if p.files.data == nil || g.failed != nil || g.unsynced == 0 || p.opt.NoSync {
		return g.failed
	}
	err := syncData(p.files.data)
	if err == nil {
		err = g.state.note(g.state.bits)
	}
	if err != nil {
		p.doubt(err)
		return g.failed
	}
	g.unsynced = 0
	return nil
}

// dress gives the data file the mode and time it is to have.
func (p *Part) dress() error {
	if p.files.data == nil {
		return nil
	}
	if err := p.files.data.Chmod(p.opt.perm() &^ umask()); err != nil {
		return explain(err, p.n.data)
	}
	if p.opt.ModTime.IsZero() {
		return nil
	}
	return explain(p.root.Chtimes(p.n.data, time.Time{}, p.opt.modTime()), p.n.data)
}

// noteFinal writes down what the finished file will be known by.
func (p *Part) noteFinal() error {
	info, err := p.files.read.Stat()
	if err != nil {
		return explain(err, p.n.data)
	}
	return explain(p.progress.state.finishing(inodeOf(info), info.ModTime().UnixNano()), p.n.state)
}

func (p *Part) closeData() error {
	if p.files.data == nil {
		return nil
	}
	err := p.files.data.Close()
	p.files.data = nil
	return explain(err, p.n.data)
}

// rename gives the data its final name, unless it has it. Only here does Force
// replace a file.
func (p *Part) rename() error {
	if isFile(p.root, p.n.final, p.files.read) {
		return nil
	}
	if !isFile(p.root, p.n.data, p.files.read) || !isFile(p.root, p.n.state, p.files.state) {
		return fault.Wrapf(fault.Changed, "%s or its state was removed or replaced by somebody", p.n.data)
	}
	if err := p.checkTarget(false); err != nil {
		return err
	}
	if p.opt.renaming != nil {
		p.opt.renaming()
	}
	return explain(p.root.Rename(p.n.data, p.n.final), p.n.final)
}

// forget removes the state, once the new name is sure to last.
func (p *Part) forget() error {
	if err := p.syncNames(); err != nil {
		return explain(err, p.n.dir)
	}
	if err := p.root.Remove(p.n.state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, p.n.state)
	}
	p.files.state.Close()
	p.files.state, p.files.done = nil, true
	return nil
}

// syncNames makes the names in the file's folder last, and those of the
// folders on the way if they are new.
func (p *Part) syncNames() error {
	if p.opt.NoSync {
		return nil
	}
	dir := p.n.dir
	err := atomicfile.SyncFolder(p.root, dir)
	for err == nil && p.made && dir != "." {
		dir = path.Dir(dir)
		err = atomicfile.SyncFolder(p.root, dir)
	}
	return err
}

// finishedBefore reports whether the final name is this very file: Finish was
// killed after its renaming.
func (p *Part) finishedBefore(s saved) bool {
	if !s.final || !s.written.Full() {
		return false
	}
	if _, err := p.root.Lstat(p.n.data); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	info, err := p.root.Lstat(p.n.final)
	return err == nil && info.Mode().IsRegular() && info.Size() == p.list.Size() &&
		inodeOf(info) == s.inode && info.ModTime().UnixNano() == s.mtime
}

// openFinished opens what finishedBefore has found; Finish does what is left.
func (p *Part) openFinished() error {
	f, err := p.root.Open(p.n.final)
	if err != nil {
		return explain(err, p.n.final)
	}
	p.files.read = f
	return nil
}

// Discard removes all there is of the file in the making and closes the Part;
// a file that has its final name stays. It fails with fault.Closed after
// Close, for then the files are no longer this Part's.
func (p *Part) Discard() error {
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.files.read == nil {
		return p.closed()
	}
	defer p.closeFiles()
	if p.files.done || !isFile(p.root, p.n.state, p.files.state) {
		return nil
	}
	for _, name := range []string{p.n.data, p.n.state} {
		if err := p.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain(err, name)
		}
	}
	return nil
}

// Close makes the disk confirm what is held and lets go of it; the next Create
// goes on from there. Closing again does nothing.
func (p *Part) Close() error {
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.files.read == nil {
		return nil
	}
	defer p.closeFiles()
	p.mu.Lock()
	clean := p.progress.unsynced == 0 && p.progress.failed == nil
	p.mu.Unlock()
	if clean || p.files.done {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.files.state.Sync(); err != nil {
		return explain(err, p.n.state)
	}
	return explain(p.syncNames(), p.n.dir)
}

// letGo closes what is open without asking the disk for anything.
func (p *Part) letGo() {
	p.busy.Lock()
	defer p.busy.Unlock()
	p.closeFiles()
}

func (p *Part) closeFiles() {
	for _, f := range []**os.File{&p.files.data, &p.files.read, &p.files.state} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
}
