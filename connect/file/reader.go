package file

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/format"
)

// reader reads one file.
type reader struct {
	mu       sync.Mutex // held by Read and Close, so that Close waits for a block to be decoded
	source   *source
	path     string
	file     vfs.File
	unpacked io.Reader // of the file's bytes
	closers  []func()
	decoder  format.Decoder
	lines    *format.JSONDecoder // the decoder, if it finds the ends of lines itself
	splitter format.Splitter
	added    []value.Value // of each column that is not decoded

	place    place
	block    []byte // bytes read but not yet cut into records, from place.position on
	memory   []byte // of the block, to be used again; nil when batches hold on to it
	copies   bool   // batches do not
	lender   format.Lender
	ended    bool         // the file has no more bytes than block
	elements []batch.View // not yet read, of an array under way
	taken    int          // bytes of block that the array of the elements takes
}

func (r *reader) open(split string) error {
	s := r.source
	var err error
	if r.decoder, err = s.format.NewDecoder(s.columns, s.table, s.request.Options); err != nil {
		return err
	}
	if json, ok := r.decoder.(*format.JSONDecoder); ok {
		json.CopyTexts()
		json.CutLines()
		json.Select(s.selection)
		r.copies, r.lines = true, json
	}
	if r.splitter, err = s.format.NewSplitter(s.request.Options); err != nil {
		return err
	}
	if r.file, err = s.request.FS.Open(r.path); err != nil {
		return err
	}
	if err := r.describe(split); err != nil {
		return err
	}
	if r.unpacked, err = r.unpack(); err != nil {
		return err
	}
	if s.format.Container != nil {
		r.unpacked = s.format.Container.Unwrap(r.unpacked)
	}
	resumeAt := r.place
	r.place = place{}
	if headed, ok := r.decoder.(format.Headed); ok && headed.HasHeader() {
		if err := r.header(headed); err != nil {
			return err
		}
	}
	return r.skipTo(resumeAt)
}

// describe fills in what every row of the file has in common.
func (r *reader) describe(split string) error {
	s := r.source
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	partition, _ := s.partition(split)
	for i, p := range s.parts {
		column := s.request.Columns[i]
		var v value.Value
		switch {
		case p.metadata == metaName:
			v = value.OfString(filepath.Base(r.path))
		case p.metadata == metaPath:
			v = value.OfString(r.path)
		case p.metadata == metaSize:
			v = value.OfBigInt(info.Size)
		case p.metadata == metaModified:
			v = value.Value{Type: value.TimestampLTZOf(3), Int: info.Modified.UnixMilli() * 1000}
		case p.partition != "":
			v = value.OfString(partition[p.partition])
			if v.Text == s.nullPartition() {
				v = value.NullOf(value.StringType)
			}
		}
		if p.decoded < 0 {
			if v, err = value.Cast(v, column.Type, s.request.Zone); err != nil {
				return fmt.Errorf("column %s: %w", column.Name, err)
			}
		}
		r.added = append(r.added, v)
	}
	return nil
}

func (s *source) nullPartition() string {
	if name := s.request.Options["partition.default-name"]; name != "" {
		return name
	}
	return defaultPartition
}

// unpack chooses by the file's suffix.
func (r *reader) unpack() (io.Reader, error) {
	switch strings.ToLower(filepath.Ext(r.path)) {
	case ".gz", ".gzip":
		z, err := gzip.NewReader(r.file)
		if errors.Is(err, io.EOF) {
			return strings.NewReader(""), nil // an empty file holds no rows
		}
		return z, err
	case ".zst", ".zstd":
		z, err := zstd.NewReader(r.file, zstd.WithDecoderConcurrency(1))
		if err == nil {
			r.closers = append(r.closers, z.Close)
		}
		return z, err
	case ".bz2":
		return bzip2.NewReader(r.file), nil
	case ".deflate":
		return zlib.NewReader(r.file)
	}
	return r.file, nil
}

// header reads the first record, which names the columns.
func (r *reader) header(headed format.Headed) error {
	records, taken, err := r.cut(1)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return nil // an empty file
	}
	if err := headed.ReadHeader(r.block, records[0]); err != nil {
		return err
	}
	r.pass(taken)
	return nil
}

// skipTo moves on to a place that was reached before. The beginning is behind
// the header.
func (r *reader) skipTo(to place) error {
	skip := to.position - r.place.position
	if skip < 0 {
		return nil
	}
	known := min(skip, int64(len(r.block)))
	r.block = r.block[known:]
	if rest := skip - known; rest > 0 {
		if err := r.discard(to.position, rest); err != nil {
			return err
		}
	}
	r.place = to
	return nil
}

// discard passes the next n bytes, up to position. Packed bytes must be
// unpacked for that.
func (r *reader) discard(position, n int64) error {
	gone := int64(0)
	if r.unpacked == io.Reader(r.file) {
		info, err := r.file.Stat()
		if err != nil {
			return err
		}
		gone = position - info.Size
		r.unpacked = io.NewSectionReader(r.file, position, math.MaxInt64-position)
	} else if passed, err := io.CopyN(io.Discard, r.unpacked, n); err != nil {
		if !errors.Is(err, io.EOF) {
			return err
		}
		gone = n - passed
	}
	if gone > 0 {
		return problem.New(problem.Conflict, "the file is %d bytes shorter than when it was read", gone).WithHint("files of a table must not change while a job reads them; reset the job to read them again")
	}
	return nil
}

// cut returns the next records of the block, at most atMost and at least one
// unless the file has ended, and how many bytes of the block they take.
func (r *reader) cut(atMost int) (records []batch.View, taken int, err error) {
	for {
		records, taken = r.splitter.Split(records[:0], r.block, r.ended)
		if len(records) > atMost {
			// The record after the last wanted one says where to stop. What lies
			// between (blank lines, comments) is passed with the next records.
			taken = int(records[atMost].Offset)
			records = records[:atMost]
		}
		if len(records) > 0 || r.ended && taken == len(r.block) {
			return records, taken, nil
		}
		// Blank lines and comments alone, or the beginning of a long record.
		r.pass(taken)
		if err := r.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// pass moves the place over the first bytes of the block.
func (r *reader) pass(taken int) {
	r.passLines(taken, bytes.Count(r.block[:taken], []byte{'\n'}))
}

// passLines is pass where it is known how many line feeds there are.
func (r *reader) passLines(taken, lineFeeds int) {
	r.place.position += int64(taken)
	r.place.line += int64(lineFeeds)
	r.block = r.block[taken:]
}

// fill reads more bytes behind those of the block. Where batches hold on to the
// old block, the new one has memory of its own.
func (r *reader) fill() error {
	if len(r.block) >= recordBytesMax {
		return problem.New(problem.TooLarge, "a record is longer than %d bytes", recordBytesMax).At(r.position(0)).WithHint("a quote that is never closed looks like this too")
	}
	larger := r.memory
	if len(larger) < 2*len(r.block) || larger == nil {
		larger = make([]byte, max(blockBytes, 2*len(r.block)))
	}
	if r.copies {
		r.memory = larger
	}
	have := copy(larger, r.block)
	for have < len(larger) && !r.ended {
		n, err := r.unpacked.Read(larger[have:])
		have += n
		if err == io.EOF {
			r.ended = true
		} else if err != nil {
			return fmt.Errorf("read %s: %w", r.path, err)
		}
	}
	r.block = larger[:have]
	return nil
}

// Read decodes the next records.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.file == nil {
		return nil, fmt.Errorf("read %s: %w", r.path, fs.ErrClosed)
	}
	if r.elements != nil {
		return r.readElements()
	}
	if len(r.block) == 0 && !r.ended {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	if r.lines != nil {
		if b, err := r.readLines(); b != nil || err != nil {
			return b, err
		}
	}
	most := batch.MaxRows
	if r.source.format.Changes {
		most /= 2 // a record is two rows when it is an update
	}
	records, taken, err := r.cut(most)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		r.pass(taken)
		return nil, io.EOF
	}
	if r.source.format.Arrays {
		for i, record := range records {
			if !format.IsArray(r.block, record) {
				continue
			}
			if i == 0 {
				return r.startArray(record, records, taken)
			}
			records, taken = records[:i], int(record.Offset)
			break
		}
	}
	b, n, err := r.decodeSome(records)
	if err != nil {
		return nil, err
	}
	if n < len(records) {
		taken = int(records[n].Offset)
	}
	r.pass(taken)
	return b, nil
}

// readLines decodes the next records, if they are lines; nil when they are not,
// or there are no more.
func (r *reader) readLines() (*batch.Batch, error) {
	for {
		if len(r.block) < blockLow && !r.ended {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		r.lender.Reuse(r.lines)
		l := r.lines.DecodeLines(r.block, r.ended)
		if len(l.Rejected) > 0 && !r.lines.Tolerant() {
			records, _ := r.splitter.Split(nil, r.block, r.ended)
			return nil, r.located(l.Rejected[0], records)
		}
		if l.Taken > 0 {
			r.passLines(l.Taken, l.LineFeeds)
			return r.completed(r.lender.Lend(l.Rows)), nil
		}
		if r.ended || format.IsArray(r.block, batch.View{Length: uint32(len(r.block))}) {
			return nil, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// located is why a record cannot be read, with its place.
func (r *reader) located(rejected format.Rejected, records []batch.View) error {
	return rejected.Problem.At(r.position(records[rejected.Record].Offset))
}

// startArray reads a record that is a JSON array: a row an element.
func (r *reader) startArray(record batch.View, records []batch.View, taken int) (*batch.Batch, error) {
	if len(records) > 1 {
		taken = int(records[1].Offset)
	}
	elements, err := format.SplitArray(nil, r.block, record)
	if err != nil {
		if !r.decoder.Tolerant() {
			return nil, problem.Of(err).At(r.position(record.Offset))
		}
		elements = nil
	}
	r.taken = taken
	r.elements = elements[min(int(r.place.elements), len(elements)):]
	return r.readElements()
}

func (r *reader) readElements() (*batch.Batch, error) {
	b, n, err := r.decodeSome(r.elements[:min(len(r.elements), batch.MaxRows)])
	if err != nil {
		return nil, err
	}
	r.place.elements += int64(n)
	if r.elements = r.elements[n:]; len(r.elements) == 0 {
		r.elements = nil
		r.place.elements = 0
		r.pass(r.taken)
	}
	return b, nil
}

// decodeSome makes a batch of as many of the records as fit, and tells how many.
func (r *reader) decodeSome(records []batch.View) (*batch.Batch, int, error) {
	for n := len(records); ; n /= 2 {
		b, err := r.decode(records[:n])
		if err != nil || b.Rows <= batch.MaxRows {
			return b, n, err
		}
		if n == 1 {
			return nil, 0, problem.New(problem.TooLarge, "a message has more than %d changes", batch.MaxRows).At(r.position(records[0].Offset))
		}
	}
}

// decode makes a batch of records and adds the columns of the file.
func (r *reader) decode(records []batch.View) (*batch.Batch, error) {
	decoded, rejected := r.decoder.Decode(r.block, records)
	if len(rejected) > 0 && !r.decoder.Tolerant() {
		return nil, r.located(rejected[0], records)
	}
	return r.completed(decoded), nil
}

// completed is a decoded batch with the columns of the file added.
func (r *reader) completed(decoded *batch.Batch) *batch.Batch {
	b := &batch.Batch{Rows: decoded.Rows, Sel: decoded.Sel, Kinds: decoded.Kinds, Lease: decoded.Lease}
	for i, p := range r.source.parts {
		if p.decoded >= 0 {
			b.Columns = append(b.Columns, decoded.Columns[p.decoded])
		} else {
			b.Columns = append(b.Columns, constant(r.added[i], decoded.Rows))
		}
	}
	return b
}

// constant is a column of n times v.
func constant(v value.Value, n int) *batch.Column {
	c := batch.NewColumn(v.Type, n)
	c.Resize(n)
	for i := range n {
		if i > 0 && c.Type.Class() == value.Strings && !v.Null {
			c.Views[i] = c.Views[0]
			continue
		}
		c.SetValue(i, v)
	}
	return c
}

// position is where in the file a byte of the block is.
func (r *reader) position(offset uint32) problem.Position {
	if r.source.format.Container != nil {
		return problem.Position{File: r.path} // there are no lines
	}
	lines := bytes.Count(r.block[:offset], []byte{'\n'})
	return problem.Position{File: r.path, Line: int(r.place.line) + lines + 1, Column: 1}
}

// Offset is the place of the next record.
func (r *reader) Offset() connect.Offset { return r.place.offset() }

// Watermark is unknown to files.
func (r *reader) Watermark() int64 { return batch.NoMark }

// Close closes the file.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.closers {
		f()
	}
	r.closers = nil
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
