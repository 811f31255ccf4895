package store

import (
	"encoding/binary"
	"io"
	"os"

	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// A state file says what a file in the making is to become and which of its
// chunks are there. All numbers are big endian:
//
//	  0  "starmesh part", 0, 0, version 1
//	 16  size of the file
//	 24  id
//	 56  BLAKE3 of bytes 0 to 55
//	 88  pid of the process that works on it
//	 96  boot mark: BLAKE3 of the machine's boot id, or zero
//	128  number (inode) of the data file; 0 before there is one
//	136  modification time (ns) the data file was given before its renaming
//	144  1 when that is set
//	152  chunk size in bytes; 0: that which follows from the size
//	512  chunk list, 32 bytes a chunk; it proves itself: it folds to the id
//	  …  bitmap of the chunks written
//	  …  bitmap of the chunks synced
//
// Up to byte 88, and the list, nothing changes once the file has its name. The
// fields after that and the bitmaps are written in place, each by one small
// write, which a kill -9 does not tear.
//
// # Why there are two bitmaps
//
// A bit in written is set right after the chunk's bytes were handed to the
// kernel. From then on they survive the death of the process, however sudden,
// but not that of the machine: a power cut loses what the kernel had not yet
// put on the disk, perhaps the chunk and not the bit. So a bit in synced is
// set after the disk has confirmed the chunk (fdatasync; every 256 MiB and at
// the end). When the file is opened again in the same boot of the machine,
// which the boot mark tells, written is believed. In another boot synced is
// believed, and chunks that are only in written, at most a few hundred MiB,
// are read and verified again. Nothing is read in the usual case, so a file
// of any size is open within a second.
const (
	atSize   = 16
	atID     = 24
	atSum    = 56
	atPID    = 88
	atBoot   = 96
	atInode  = 128
	atMTime  = 136
	atFinal  = 144
	atChunk  = 152
	atList   = 512
	sumSize  = 32
	bootSize = 32
)

const stateMagic = "starmesh part\x00\x00\x01"

// stateSize is the length in bytes of the state of a file of n chunks.
func stateSize(n int) int64 {
	return atList + int64(n)*content.CVSize + 2*int64(content.SetBytes(n))
}

// saved is what a state file said when it was opened.
type saved struct {
	list            content.ChunkList
	written, synced content.Set
	sameBoot        bool
	inode           uint64
	mtime           int64 // ns; set when final is
	final           bool  // Finish had come as far as the renaming
}

// doubtful reports whether this is what encodeState makes with doubt: it says
// nothing about the data, which nobody has looked through to the end.
func (s saved) doubtful() bool {
	return !s.sameBoot && !s.final && s.inode == 0 && s.written.Full() && s.synced.Empty()
}

// encodeState makes the state of a file of which nothing is there yet. With
// doubt it is that of data of which nothing is known: all of it may be there,
// and nothing is to be believed, now or after another kill -9.
func encodeState(list content.ChunkList, doubt bool) []byte {
	b := make([]byte, stateSize(list.Len()))
	copy(b, stateMagic)
	id := list.ID()
	binary.BigEndian.PutUint64(b[atSize:], uint64(list.Size()))
	copy(b[atID:], id[:])
	sum := blake3.Sum256(b[:atSum])
	copy(b[atSum:], sum[:])
	binary.BigEndian.PutUint64(b[atPID:], uint64(os.Getpid()))
	if list.ChunkSize() != content.ChunkSize(list.Size()) {
		binary.BigEndian.PutUint64(b[atChunk:], uint64(list.ChunkSize()))
	}
	copy(b[atList:], list.Bytes())
	if doubt {
		copy(b[writtenAt(list):], content.FullSet(list.Len()).Bytes())
		return b
	}
	mark := bootMark()
	copy(b[atBoot:], mark[:])
	return b
}

// decodeState reads a whole state file. It fails with fault.Corrupt when that
// is not what encodeState makes and the writes in place leave.
func decodeState(r io.ReaderAt, length int64) (saved, error) {
	list, err := decodeList(r, length)
	if err != nil {
		return saved{}, err
	}
	var head [atList]byte
	bits := make([]byte, 2*content.SetBytes(list.Len()))
	if err := readFull(r, head[:], 0); err != nil {
		return saved{}, err
	}
	if err := readFull(r, bits, writtenAt(list)); err != nil {
		return saved{}, err
	}
	s := saved{
		list:     list,
		sameBoot: isThisBoot([bootSize]byte(head[atBoot:])),
		inode:    binary.BigEndian.Uint64(head[atInode:]),
		mtime:    int64(binary.BigEndian.Uint64(head[atMTime:])),
		final:    binary.BigEndian.Uint64(head[atFinal:]) == 1,
	}
	half := len(bits) / 2
	if s.written, err = content.ParseSet(list.Len(), bits[:half]); err != nil {
		return saved{}, fault.Wrapf(fault.Corrupt, "the bitmap of the chunks written is damaged: %w", err)
	}
	if s.synced, err = content.ParseSet(list.Len(), bits[half:]); err != nil {
		return saved{}, fault.Wrapf(fault.Corrupt, "the bitmap of the chunks synced is damaged: %w", err)
	}
	return s, nil
}

// decodeList reads the part of a state that never changes, so that it may be
// read while another process works on the file.
func decodeList(r io.ReaderAt, length int64) (content.ChunkList, error) {
	var head [atList]byte
	if err := readFull(r, head[:], 0); err != nil {
		return content.ChunkList{}, err
	}
	if string(head[:len(stateMagic)]) != stateMagic || blake3.Sum256(head[:atSum]) != [sumSize]byte(head[atSum:]) {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "this is no state of a file in the making")
	}
	size := int64(binary.BigEndian.Uint64(head[atSize:]))
	chunk := int(binary.BigEndian.Uint64(head[atChunk:]))
	if chunk == 0 {
		chunk = content.ChunkSize(size)
	}
	n, err := content.CountAt(size, chunk)
	if err != nil || length != stateSize(n) {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the state has %d bytes, which does not fit a file of %d in chunks of %d", length, size, chunk)
	}
	cvs := make([]byte, n*content.CVSize)
	if err := readFull(r, cvs, atList); err != nil {
		return content.ChunkList{}, err
	}
	list, err := content.ChunkListAt(size, chunk, cvs)
	if err != nil || list.ID() != content.ID(head[atID:atSum]) {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the chunk list in the state is damaged")
	}
	return list, nil
}

func readFull(r io.ReaderAt, p []byte, at int64) error {
	if n, err := r.ReadAt(p, at); n < len(p) {
		return fault.Wrapf(fault.Corrupt, "the state can not be read: %w", err)
	}
	return nil
}

func writtenAt(list content.ChunkList) int64 { return atList + int64(len(list.Bytes())) }
func syncedAt(list content.ChunkList) int64 {
	return writtenAt(list) + int64(content.SetBytes(list.Len()))
}

// bootMark is this boot of the machine; zero where it can not be told apart.
func bootMark() (mark [bootSize]byte) {
	if id := bootID(); id != "" {
		mark = blake3.Sum256([]byte(id))
	}
	return mark
}

func isThisBoot(mark [bootSize]byte) bool {
	return mark == bootMark() && mark != [bootSize]byte{}
}

// state is an open and locked state file. Its user's lock guards it.
type state struct {
	f    *os.File
	list content.ChunkList
	bits []byte // the bitmap of chunks written, as it is in the file
}

// add sets the bit of chunk i in the bitmap of chunks written.
func (s *state) add(i int) error {
	value := s.bits[i/8] | 1<<(i%8)
	if _, err := s.f.WriteAt([]byte{value}, writtenAt(s.list)+int64(i/8)); err != nil {
		return err
	}
	s.bits[i/8] = value
	return nil
}

// put replaces both bitmaps, first durably taking back the promise that they
// can be believed, and then gives it for this boot.
func (s *state) put(written, synced content.Set) error {
	if err := s.distrust(); err != nil {
		return err
	}
	s.bits = written.Bytes()
	if _, err := s.f.WriteAt(append(written.Bytes(), synced.Bytes()...), writtenAt(s.list)); err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return err
	}
	mark := bootMark()
	_, err := s.f.WriteAt(mark[:], atBoot)
	return err
}

// distrust makes the next opening verify what is written and not synced.
func (s *state) distrust() error {
	_, err := s.f.WriteAt(make([]byte, bootSize), atBoot)
	return err
}

// confirm notes, to last, that the chunks in bits (a bitmap) are on the disk.
// It touches nothing that the others use, so that it needs no lock.
func (s *state) confirm(bits []byte) error {
	if err := s.note(bits); err != nil {
		return err
	}
	return s.f.Sync()
}

// note is confirm for a state that is soon removed, or synced by the caller.
func (s *state) note(bits []byte) error {
	_, err := s.f.WriteAt(bits, syncedAt(s.list))
	return err
}

// owner notes which process works on the file, for another one's message.
func (s *state) owner(pid int) error { return s.putNumber(atPID, uint64(pid)) }

// inode notes the number of the data file.
func (s *state) inode(n uint64) error { return s.putNumber(atInode, n) }

// finishing notes what the finished file will be known by.
func (s *state) finishing(inode uint64, mtime int64) error {
	b := binary.BigEndian.AppendUint64(nil, inode)
	b = binary.BigEndian.AppendUint64(b, uint64(mtime))
	b = binary.BigEndian.AppendUint64(b, 1)
	_, err := s.f.WriteAt(b, atInode)
	return err
}

func (s *state) putNumber(at int64, n uint64) error {
	_, err := s.f.WriteAt(binary.BigEndian.AppendUint64(nil, n), at)
	return err
}
