package embedded

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"tidemark/base/problem"
)

// The layout is drawn in docs/formats/savepoint.md.
const (
	savepointMagic     = "TIDESAVE"
	savepointVersion   = 1
	savepointSuffix    = ".save"
	frameBytes         = 1 << 20   // gathered before a frame of state is written
	frameBytesMax      = 256 << 20 // of a frame that is read: a key with its value, or a batch
	savepointBufferMax = 1 << 18   // read and written at a time
)

// Kinds of frames.
const (
	headFrame  = 'h'
	stateFrame = 's' // keys of the state store with their values
	tableFrame = 't' // from here on rows of this table
	rowsFrame  = 'b'
	endFrame   = 'z'
)

// savepointHead is the first frame, as JSON.
type savepointHead struct {
	Table       string        `json:"table"`
	Name        string        `json:"name"`
	Automatic   bool          `json:"automatic,omitempty"`
	Fingerprint string        `json:"fingerprint"` // of the definition
	Definition  string        `json:"definition,omitempty"`
	Epoch       uint64        `json:"epoch"`
	Watermark   int64         `json:"watermark"`
	TakenAt     time.Time     `json:"taken_at"`
	Sources     []savedSource `json:"sources"`
	Tables      []savedTable  `json:"tables"`
}

// savedSource is how far a source had been read.
type savedSource struct {
	Table  string            `json:"table"`
	Splits map[string][]byte `json:"splits"` // offsets
}

// savedTable is one of the tables whose rows the file has.
type savedTable struct {
	Suffix    string `json:"suffix"` // of its name, behind the job's table's
	Epoch     uint64 `json:"epoch"`
	Watermark int64  `json:"watermark"`
}

// savepointTotals is the last frame, as JSON: a file that was cut off does not
// have it, and one whose frames were lost does not agree with it.
type savepointTotals struct {
	Entries int64 `json:"entries"`
	Rows    int64 `json:"rows"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// savepointWriter writes the frames of a savepoint.
type savepointWriter struct {
	out     *bufio.Writer
	state   []byte // gathered for the next frame
	totals  savepointTotals
	written int64
}

func newSavepointWriter(out io.Writer, head savepointHead) (*savepointWriter, error) {
	w := &savepointWriter{out: bufio.NewWriterSize(out, savepointBufferMax)}
	if _, err := w.out.WriteString(savepointMagic + string(rune(savepointVersion))); err != nil {
		return nil, err
	}
	w.written = int64(len(savepointMagic)) + 1
	return w, w.document(headFrame, head)
}

func (w *savepointWriter) document(kind byte, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return w.frame(kind, text)
}

func (w *savepointWriter) frame(kind byte, body []byte) error {
	head := make([]byte, 0, 9)
	head = append(head, kind)
	head = binary.BigEndian.AppendUint32(head, uint32(len(body)))
	sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, body)
	w.written += int64(len(head) + len(body) + 4)
	for _, part := range [][]byte{head, body, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := w.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// entry adds a key of the state with its value.
func (w *savepointWriter) entry(key, val []byte) error {
	w.totals.Entries++
	w.state = append(binary.AppendUvarint(w.state, uint64(len(key))), key...)
	w.state = append(binary.AppendUvarint(w.state, uint64(len(val))), val...)
	if len(w.state) < frameBytes {
		return nil
	}
	return w.endState()
}

func (w *savepointWriter) endState() error {
	if len(w.state) == 0 {
		return nil
	}
	err := w.frame(stateFrame, w.state)
	w.state = w.state[:0]
	return err
}

// table says that the rows from here on are those of the head's table i.
func (w *savepointWriter) table(i int) error { return w.frame(tableFrame, []byte{byte(i)}) }

// rows adds a stored batch.
func (w *savepointWriter) rows(stored []byte, count int) error {
	w.totals.Rows += int64(count)
	return w.frame(rowsFrame, stored)
}

func (w *savepointWriter) end() error {
	if err := w.document(endFrame, w.totals); err != nil {
		return err
	}
	return w.out.Flush()
}

// savepointReader reads the frames of a savepoint in their order.
type savepointReader struct {
	in   *bufio.Reader
	what string // the file, for messages
	head savepointHead

	kind byte // of the frame that is being read
	body []byte
	seen savepointTotals
}

func newSavepointReader(in io.Reader, what string) (*savepointReader, error) {
	r := &savepointReader{in: bufio.NewReaderSize(in, savepointBufferMax), what: what}
	start := make([]byte, len(savepointMagic)+1)
	if _, err := io.ReadFull(r.in, start); err != nil || string(start[:len(savepointMagic)]) != savepointMagic {
		return nil, problem.New(problem.InvalidRequest, "%s is no savepoint", what).WithHint("use a file that tidemark savepoint export wrote")
	}
	if v := start[len(savepointMagic)]; v != savepointVersion {
		return nil, problem.New(problem.Unsupported, "%s is a savepoint of version %d; this program reads version %d", what, v, savepointVersion).
			WithHint("import it with the version of the program that wrote it")
	}
	if err := r.next(); err != nil {
		return nil, err
	}
	if r.kind != headFrame || json.Unmarshal(r.body, &r.head) != nil {
		return nil, r.damaged(errors.New("it does not begin with its head"))
	}
	return r, r.next()
}

func (r *savepointReader) damaged(cause error) error {
	return problem.New(problem.Corrupt, "savepoint %s is damaged: %v", r.what, cause).WithHint("use another one")
}

// next reads a frame.
func (r *savepointReader) next() error {
	var head [5]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return r.broken(err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > frameBytesMax {
		return r.damaged(fmt.Errorf("a part of %d bytes", size))
	}
	// Its own bytes, as what is decoded may point into them; no more than come.
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r.in, int64(size)); err != nil {
		return r.broken(err)
	}
	var sum [4]byte
	if _, err := io.ReadFull(r.in, sum[:]); err != nil {
		return r.broken(err)
	}
	if crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, body.Bytes()) != binary.BigEndian.Uint32(sum[:]) {
		return r.damaged(errors.New("wrong checksum"))
	}
	r.kind, r.body = head[0], body.Bytes()
	return nil
}

// broken tells a file that ends early from one that cannot be read.
func (r *savepointReader) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.damaged(errors.New("it is cut off"))
	}
	return fmt.Errorf("read savepoint %s: %w", r.what, err)
}

// entry gives the next key of the state, and io.EOF behind the last. The bytes
// are good until the next call.
func (r *savepointReader) entry() (key, val []byte, err error) {
	for r.kind == stateFrame && len(r.body) == 0 {
		if err := r.next(); err != nil {
			return nil, nil, err
		}
	}
	if r.kind != stateFrame {
		return nil, nil, io.EOF
	}
	var ok [2]bool
	key, r.body, ok[0] = cutBytes(r.body)
	val, r.body, ok[1] = cutBytes(r.body)
	if !ok[0] || !ok[1] {
		return nil, nil, r.damaged(errors.New("an entry of the state has no end"))
	}
	r.seen.Entries++
	return key, val, nil
}

func cutBytes(from []byte) (cut, rest []byte, ok bool) {
	size, used := binary.Uvarint(from)
	if used <= 0 || size > uint64(len(from)-used) {
		return nil, nil, false
	}
	end := used + int(size)
	return from[used:end], from[end:], true
}

// beginTable passes on to the rows of the head's table i.
func (r *savepointReader) beginTable(i int) error {
	if r.kind != tableFrame || len(r.body) != 1 || int(r.body[0]) != i {
		return r.damaged(fmt.Errorf("the rows of table %d are missing", i))
	}
	return r.next()
}

// rows calls read with the next stored batch, and gives io.EOF behind the last of
// the table.
func (r *savepointReader) rows(read func(stored []byte) (count int, err error)) error {
	if r.kind != rowsFrame {
		return io.EOF
	}
	count, err := read(r.body)
	if err != nil {
		return r.damaged(err)
	}
	r.seen.Rows += int64(count)
	return r.next()
}

// end demands that everything was read.
func (r *savepointReader) end() error {
	var want savepointTotals
	if r.kind != endFrame || json.Unmarshal(r.body, &want) != nil {
		return r.damaged(errors.New("it goes on behind its rows"))
	}
	if want != r.seen {
		return r.damaged(fmt.Errorf("it has %d entries and %d rows instead of %d and %d", r.seen.Entries, r.seen.Rows, want.Entries, want.Rows))
	}
	return nil
}

// check reads a whole savepoint without using it; count looks at the rows of
// table i and tells how many they are.
func (r *savepointReader) check(count func(i int, stored []byte) (int, error)) error {
	for {
		if _, _, err := r.entry(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	for i := range r.head.Tables {
		if err := r.beginTable(i); err != nil {
			return err
		}
		for {
			if err := r.rows(func(stored []byte) (int, error) { return count(i, stored) }); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return r.end()
}
