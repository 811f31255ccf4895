package store

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"

	"github.com/dustin/go-humanize"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Create begins the file called name (slash-separated, within root) whose
// chunks are those of list, or goes on with what is there of it; folders on
// the way are made. root stays the caller's and must outlive the Part.
//
// It fails with fault.Exists when name is taken (see Options.Force; a folder
// is never replaced) or something else is in the making under that name;
// fault.InUse while another process, or another Part, works on it;
// fault.NoSpace, fault.Refused (no permission), fault.ReadOnly, fault.TooLarge
// (for the file system) and fault.Invalid (the name).
func Create(root *os.Root, name string, list content.ChunkList, opt Options) (*Part, error) {
	n, err := namesOf(name)
	if err != nil {
		return nil, err
	}
	p := &Part{root: root, n: n, list: list, opt: opt, progress: progress{every: syncEvery}}
	if opt.NoSync {
		p.progress.every = math.MaxInt64
	}
	if err := p.checkTarget(true); err != nil {
		return nil, err
	}
	_, err = root.Lstat(n.dir)
	p.made = errors.Is(err, fs.ErrNotExist)
	if err := root.MkdirAll(n.dir, 0o777); err != nil {
		return nil, explain(err, n.dir)
	}
	if err := p.open(); err != nil {
		p.closeFiles()
		return nil, err
	}
	p.held = heldBytes(list, p.progress.have)
	return p, nil
}

// Saved returns the chunk list of what is in the making under name, so that
// going on needs no network to know it; ok is false when nothing is, its state
// can not be read, or its chunks are those it has in a collection. It takes no
// lock.
func Saved(root *os.Root, name string) (list content.ChunkList, ok bool) {
	n, err := namesOf(name)
	if err != nil {
		return content.ChunkList{}, false
	}
	f, err := openRegular(root, n.state, os.O_RDONLY, 0)
	if err != nil {
		return content.ChunkList{}, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return content.ChunkList{}, false
	}
	list, err = decodeList(f, info.Size())
	return list, err == nil && list.ChunkSize() == content.ChunkSize(list.Size())
}

// Tidy removes what was left beside the finished file called name, whose id this
// is, by a Part that was killed after the renaming, or that another made
// needless. What is in use, or of another file, stays: that is no failure.
func Tidy(root *os.Root, name string, id content.ID) error {
	n, err := namesOf(name)
	if err != nil {
		return err
	}
	f, found, err := openState(root, n)
	if !found || err != nil {
		if errors.Is(err, fault.InUse) || errors.Is(err, fault.Exists) {
			return nil
		}
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return explain(err, n.state)
	}
	if list, err := decodeList(f, info.Size()); err != nil || list.ID() != id {
		return nil
	}
	for _, left := range []string{n.data, n.state} { // the state last: it says whose the data is
		if err := root.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain(err, left)
		}
	}
	return nil
}

// checkTarget checks whether the final name may be taken. early lets pass a
// file that a Part, killed between the renaming and the removal of its state,
// may have put there.
func (p *Part) checkTarget(early bool) error {
	taken, err := isTaken(p.root, p.n.final, p.n.final, p.opt.Force)
	if !taken || err != nil {
		return err
	}
	if early {
		if _, err := p.root.Lstat(p.n.state); err == nil {
			return nil
		}
	}
	return targetExists(p.n.final)
}

// isTaken reports whether at, in root, is a file that is not to be replaced. It
// fails with fault.Exists for what no file can replace. name is what people know
// it as.
func isTaken(root *os.Root, at, name string, force bool) (bool, error) {
	info, err := root.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, explain(err, name)
	case info.IsDir():
		return false, fault.Wrapf(fault.Exists, "%s is a folder; a file can not take its place", name)
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
		return false, fault.Wrapf(fault.Exists, "%s is %s; a file can not take its place", name, kindOf(info))
	}
	return !force, nil
}

// open locks the state, making one if there is none, and opens the data.
func (p *Part) open() error {
	f, found, err := openState(p.root, p.n)
	if err != nil {
		return err
	}
	p.files.state = f // closed by Create when what follows fails
	if !found {
		return p.begin(nil)
	}
	info, err := f.Stat()
	if err != nil {
		return explain(err, p.n.state)
	}
	s, err := decodeState(f, info.Size())
	switch {
	case err != nil: // nothing is known, but data may be there
		return p.begin(f)
	case s.list.ID() == p.list.ID() && s.list.ChunkSize() == p.list.ChunkSize():
		return p.resume(s)
	case s.list.ID() == p.list.ID():
		return p.divideAnew(s)
	case p.opt.Force:
		return p.begin(f) // of an earlier version, perhaps: what is right of it stays
	default:
		err := fault.Wrapf(fault.Exists, "%s is in the making with the id %s, not %s", p.n.final, s.list.ID(), p.list.ID())
		return fault.Advise(err, fault.HintStartOver)
	}
}

// begin makes a new state, in the place of old if that is not nil. Data that
// is there without a state that tells of it is verified.
func (p *Part) begin(old *os.File) error {
	if err := p.checkTarget(false); err != nil {
		return err
	}
	if err := p.checkSpace(); err != nil {
		return err
	}
	info, err := p.root.Lstat(p.n.data)
	doubt := err == nil && info.Size() > 0
	f, err := newState(p.root, p.n, p.list, old, doubt)
	if err != nil {
		return err
	}
	if old != nil {
		old.Close()
	}
	p.files.state = f
	p.adopt(content.NewSet(p.list.Len()))
	if info, err = p.openData(); err != nil {
		p.root.Remove(p.n.state)
		return err
	}
	if info.Size() > 0 {
		return p.salvage(content.NewSet(p.list.Len()), content.FullSet(p.list.Len()), info, old == nil)
	}
	if err := p.reserve(); err != nil { // nothing is lost: nothing was there
		p.root.Remove(p.n.data)
		p.root.Remove(p.n.state)
		return err
	}
	return explain(p.progress.state.inode(inodeOf(info)), p.n.state)
}

// resume goes on with what the state s tells of.
func (p *Part) resume(s saved) error {
	p.adopt(s.written)
	if p.finishedBefore(s) {
		return p.openFinished()
	}
	if err := p.checkTarget(false); err != nil {
		return err
	}
	if err := p.checkSpace(); err != nil {
		return err
	}
	if err := p.progress.state.owner(os.Getpid()); err != nil {
		return explain(err, p.n.state)
	}
	info, err := p.openData()
	if err != nil {
		return err
	}
	trusted, suspects := p.judge(s, info)
	if !suspects.Empty() || !s.sameBoot || trusted.Count() != s.written.Count() {
		return p.salvage(trusted, suspects, info, s.doubtful())
	}
	p.progress.unsynced = heldBytes(p.list, s.written.Minus(s.synced))
	if s.inode != inodeOf(info) { // killed before any chunk came
		if err := p.progress.state.inode(inodeOf(info)); err != nil {
			return explain(err, p.n.state)
		}
	}
	return p.reserve()
}

// divideAnew goes on with what the state s tells of the same file in chunks of
// another size.
func (p *Part) divideAnew(s saved) error {
	if err := p.checkTarget(false); err != nil {
		return err
	}
	s.written, s.synced = p.list.Within(s.written, s.list), p.list.Within(s.synced, s.list)
	f, err := newState(p.root, p.n, p.list, p.files.state, true)
	if err != nil {
		return err
	}
	p.files.state.Close()
	p.files.state = f
	p.adopt(s.written)
	info, err := p.openData()
	if err != nil {
		return err
	}
	trusted, suspects := p.judge(s, info)
	return p.salvage(trusted, suspects, info, false)
}

// judge decides which chunks can be believed and which are to be verified.
func (p *Part) judge(s saved, info fs.FileInfo) (trusted, suspects content.Set) {
	nothing := content.NewSet(p.list.Len())
	inode := inodeOf(info)
	switch {
	case info.Size() == 0: // the data is gone, or had not been begun
		return nothing, nothing
	case s.inode != 0 && inode != 0 && s.inode != inode: // another file, perhaps a copy
		return nothing, content.FullSet(p.list.Len())
	case info.Size() != p.list.Size():
		return nothing, s.written.Union(s.synced)
	case s.sameBoot:
		return s.written, nothing
	default:
		return s.synced, s.written.Minus(s.synced)
	}
}

// salvage verifies the suspects and goes on with those that are right and the
// trusted ones. Killed on the way, it is done again the next time: what makes
// the data doubtful is taken from the state last. found says that there was
// data without a state: if nothing of this file is in it, it is somebody
// else's (browsers call their files .part, too) and not touched.
func (p *Part) salvage(trusted, suspects content.Set, info fs.FileInfo, found bool) error {
	have := trusted.Union(verifyChunks(p.list, p.files.read, suspects, p.opt.Progress))
	if found && have.Empty() && info.Size() > 0 && !p.opt.Force {
		p.root.Remove(p.n.state)
		err := fault.Wrapf(fault.Exists, "%s is there and has nothing of this file; move it away", p.n.data)
		return fault.Advise(err, fault.HintReplaceAlien)
	}
	if err := p.reserve(); err != nil {
		return err
	}
	if err := syncData(p.files.data); err != nil {
		return explain(err, p.n.data)
	}
	p.adopt(have)
	if err := p.progress.state.put(have, have); err != nil {
		return explain(err, p.n.state)
	}
	return explain(p.progress.state.inode(inodeOf(info)), p.n.state)
}

// adopt sets what is held, in memory.
func (p *Part) adopt(have content.Set) {
	p.progress.have = have
	p.progress.state = state{f: p.files.state, list: p.list, bits: have.Bytes()}
}

// openData opens the data file, twice: what is open for writing can not be
// executed (on Linux), and must be closed by Finish, while chunks may still be
// sent from it. The FileInfo is of the moment of opening.
func (p *Part) openData() (fs.FileInfo, error) {
	perm := p.opt.Mode.Perm() | 0o600 // nobody else's while that is not known
	data, err := openRegular(p.root, p.n.data, os.O_RDWR|os.O_CREATE, perm)
	if errors.Is(err, fs.ErrPermission) && p.root.Chmod(p.n.data, perm) == nil {
		// Killed in Finish, after it had been given a mode without writing.
		data, err = openRegular(p.root, p.n.data, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, explain(err, p.n.data)
	}
	p.files.data = data
	if p.files.read, err = p.root.Open(p.n.data); err != nil {
		return nil, explain(err, p.n.data)
	}
	if !isFile(p.root, p.n.data, data) || !isFile(p.root, p.n.data, p.files.read) {
		return nil, fault.Wrapf(fault.Changed, "%s was replaced by somebody while it was opened", p.n.data)
	}
	info, err := data.Stat()
	return info, explain(err, p.n.data)
}

// checkSpace looks whether the disk has room for what is still to be written:
// neither reserved, nor there already (compressed, perhaps).
func (p *Part) checkSpace() error {
	if p.opt.Sparse {
		return nil
	}
	need := p.list.Size() - heldBytes(p.list, p.progress.have)
	if info, err := p.root.Lstat(p.n.data); err == nil {
		need = min(need, p.list.Size()-allocated(info))
	}
	if free, known := p.free(); known && need > free {
		return p.noSpace(need, free)
	}
	return nil
}

func (p *Part) free() (bytes int64, known bool) {
	d, err := p.root.Open(path.Clean(p.n.dir))
	if err != nil {
		return 0, false
	}
	defer d.Close()
	return freeSpace(d)
}

func (p *Part) noSpace(need, free int64) error {
	return fault.Wrapf(fault.NoSpace, "%s needs %s, %s free", p.n.final, humanize.IBytes(uint64(need)), humanize.IBytes(uint64(free)))
}

// reserve gives the data file its full length, and the disk space for it where
// the system can.
func (p *Part) reserve() error {
	size := p.list.Size()
	info, err := p.files.data.Stat()
	if err != nil {
		return explain(err, p.n.data)
	}
	if info.Size() == size {
		return nil
	}
	if !p.opt.Sparse && info.Size() < size {
		if _, err := allocate(p.files.data, size); isNoSpace(err) {
			free, _ := p.free()
			return p.noSpace(size-allocated(info), free)
		} else if err != nil {
			return explain(err, p.n.data)
		}
	}
	return explain(p.files.data.Truncate(size), p.n.data)
}

func heldBytes(list content.ChunkList, have content.Set) int64 {
	bytes := int64(0)
	for i := range have.All() {
		bytes += int64(list.ChunkLen(i))
	}
	return bytes
}
