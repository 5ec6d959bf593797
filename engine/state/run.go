package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"sort"

	"tidemark/base/vfs"
)

// Run is a file of records in the order of their hashes, which is written once,
// from its beginning to its end, and then read for some of the hashes or for all:
// one operator's state of what was too much for memory at one time. To find a
// great many records in it costs less than a tenth of what their keys would cost
// in a SpillArea, and nobody has to keep it in order.
//
//	file   := block*
//	block  := checksum:u32 (CRC-32C of the rest)  record*
//	record := hash:u64  length:uvarint  bytes
//
// Numbers are little-endian. A block ends with the record that makes it
// runBlockBytes long or longer.
type Run struct {
	spill *Spill
	name  string
	index []runBlock
	size  int64
}

// runBlock is where a block begins, and the hash of its first record.
type runBlock struct {
	first  uint64
	offset int64
}

const (
	runBlockBytes = 16 << 10
	// runWriteBytes is how much is written at a time, after a look at how much
	// room is left.
	runWriteBytes = 256 << 10
	checksumBytes = 4
	runBlockHeld  = 16 // bytes of memory for each block
)

// Size is how many bytes the file has.
func (r *Run) Size() int64 { return r.size }

// Held is how many bytes of memory are needed to find something in the file.
func (r *Run) Held() int64 { return runBlockHeld * int64(cap(r.index)) }

// Remove deletes the file.
func (r *Run) Remove() error {
	r.spill.runs.Add(-r.size)
	return wrap("remove spilled state", r.spill.files.Remove(r.name))
}

// RunWriter writes a Run.
type RunWriter struct {
	run    *Run
	file   vfs.File
	buffer []byte
	block  int // where in the buffer the block under way begins
}

// NewRun begins a file.
func (a *SpillArea) NewRun() (*RunWriter, error) {
	if err := a.spill.folder(); err != nil {
		return nil, err
	}
	a.runs++
	name := filepath.Join(a.spill.dir, fmt.Sprintf("area-%x-%d.run", a.prefix, a.runs))
	file, err := a.spill.files.Create(name)
	if err != nil {
		return nil, a.spill.wrap("make a file to spill state to", err)
	}
	return &RunWriter{run: &Run{spill: a.spill, name: name}, file: file}, nil
}

// Add appends a record; hashes do not descend.
func (w *RunWriter) Add(hash uint64, record []byte) error {
	if len(w.buffer) == w.block {
		w.run.index = append(w.run.index, runBlock{first: hash, offset: w.run.size + int64(w.block)})
		w.buffer = append(w.buffer, make([]byte, checksumBytes)...)
	}
	w.buffer = binary.LittleEndian.AppendUint64(w.buffer, hash)
	w.buffer = binary.AppendUvarint(w.buffer, uint64(len(record)))
	w.buffer = append(w.buffer, record...)
	if len(w.buffer)-w.block < runBlockBytes {
		return nil
	}
	return w.endBlock()
}

func (w *RunWriter) endBlock() error {
	if len(w.buffer) == w.block {
		return nil
	}
	block := w.buffer[w.block:]
	binary.LittleEndian.PutUint32(block, crc32.Checksum(block[checksumBytes:], castagnoli))
	w.block = len(w.buffer)
	if w.block < runWriteBytes {
		return nil
	}
	return w.flush()
}

func (w *RunWriter) flush() error {
	if err := w.run.spill.mayWrite(); err != nil {
		return err
	}
	if _, err := w.file.Write(w.buffer); err != nil {
		return w.run.spill.wrap("spill state", err)
	}
	w.run.size += int64(len(w.buffer))
	w.run.spill.runs.Add(int64(len(w.buffer)))
	w.buffer, w.block = w.buffer[:0], 0
	return nil
}

// Finish ends the file.
func (w *RunWriter) Finish() (*Run, error) {
	err := w.endBlock()
	if err == nil {
		err = w.flush()
	}
	return w.run, errors.Join(err, w.run.spill.wrap("spill state", w.file.Close()))
}

// Abort gives the file up.
func (w *RunWriter) Abort() error {
	return errors.Join(wrap("close spilled state", w.file.Close()), w.run.Remove())
}

// RunReader goes through the records of a Run, in their order. It stands before the
// first one until Seek or Next is called.
type RunReader struct {
	run    *Run
	file   vfs.File
	next   int // number of the block that comes next
	block  []byte
	rest   []byte
	hash   uint64
	record []byte
	valid  bool
}

// Open begins to read the file.
func (r *Run) Open() (*RunReader, error) {
	file, err := r.spill.files.Open(r.name)
	if err != nil {
		return nil, wrap("open spilled state", err)
	}
	return &RunReader{run: r, file: file}, nil
}

// Close ends reading.
func (r *RunReader) Close() error { return wrap("close spilled state", r.file.Close()) }

// Valid reports whether the reader stands on a record: there are no more otherwise.
func (r *RunReader) Valid() bool { return r.valid }

// Hash is that of the record.
func (r *RunReader) Hash() uint64 { return r.hash }

// Record is the record; it can be used until the reader moves.
func (r *RunReader) Record() []byte { return r.record }

// Seek moves on to the first record from here on whose hash is not below the given
// one. It reads no blocks that cannot have it.
func (r *RunReader) Seek(hash uint64) error {
	if r.valid && r.hash >= hash {
		return nil
	}
	index := r.run.index
	if r.next < len(index) && (r.next == 0 || index[r.next].first < hash) {
		// Records with the hash may begin in the block before the first one that
		// begins with it or beyond.
		later := index[r.next:]
		skipped := sort.Search(len(later), func(i int) bool { return later[i].first >= hash })
		if skipped > 0 {
			skipped--
		}
		r.next, r.rest = r.next+skipped, nil
	}
	for {
		if err := r.Next(); err != nil || !r.valid || r.hash >= hash {
			return err
		}
	}
}

var errDamagedRun = errors.New("a file of spilled state is damaged")

// Next moves to the next record.
func (r *RunReader) Next() error {
	r.valid = false
	if len(r.rest) == 0 {
		if r.next == len(r.run.index) {
			return nil
		}
		if err := r.load(); err != nil {
			return err
		}
	}
	if len(r.rest) < 8 {
		return errDamagedRun
	}
	r.hash = binary.LittleEndian.Uint64(r.rest)
	length, used := binary.Uvarint(r.rest[8:])
	if used <= 0 || length > uint64(len(r.rest)-8-used) {
		return errDamagedRun
	}
	start := 8 + used
	r.record, r.rest = r.rest[start:start+int(length)], r.rest[start+int(length):]
	r.valid = true
	return nil
}

// load reads the next block.
func (r *RunReader) load() error {
	start, end := r.run.index[r.next].offset, r.run.size
	if r.next++; r.next < len(r.run.index) {
		end = r.run.index[r.next].offset
	}
	if n := int(end - start); cap(r.block) < n {
		r.block = make([]byte, n)
	} else {
		r.block = r.block[:n]
	}
	if _, err := r.file.ReadAt(r.block, start); err != nil && !errors.Is(err, io.EOF) {
		return wrap("read spilled state", err)
	}
	r.rest = r.block[checksumBytes:]
	if crc32.Checksum(r.rest, castagnoli) != binary.LittleEndian.Uint32(r.block) {
		return errDamagedRun
	}
	return nil
}
