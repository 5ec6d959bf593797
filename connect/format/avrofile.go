package format

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Limits of container files.
const (
	avroBlockBytes    = 64 << 10 // of a block that is written
	avroBlockBytesMax = 64 << 20 // of one that is read, packed and unpacked
	avroHeaderMax     = 1 << 20  // a key or value of the header
)

// avroFileFormat is avro in files: container files, which carry their schema.
//
// The bytes of a file are turned into records with their lengths in front, of
// which the first is the schema, so that readers of files need not know what a
// container is; writers do the reverse.
func avroFileFormat() *Format {
	f := &Format{
		Name: "avro", Doc: "Avro container files",
		NewDecoder: func(columns []Column, _ []value.Field, _ map[string]string) (Decoder, error) {
			return &avroFileDecoder{avroDecoder{columns: columns}}, nil
		},
		NewEncoder: func(fields []value.Field, options map[string]string) (Encoder, error) {
			schema, err := avroTableSchema(fields, options)
			if err != nil {
				return nil, err
			}
			if _, err := avroCodec(options["avro.codec"]); err != nil {
				return nil, err
			}
			_, err = parseAvro(schema)
			return &avroFileEncoder{schema, *newAvroEncoder(fields)}, err
		},
		NewSplitter: func(map[string]string) (Splitter, error) { return lengthSplitter{}, nil },
		Container:   &Container{Unwrap: unwrapAvro, Wrap: wrapAvro},
	}
	f.Options = append(avroOptions(), connect.Option{Name: "avro.codec", Doc: "how blocks of a file are packed", Default: "snappy", Values: []string{"null", "deflate", "snappy", "zstandard"}})
	return f
}

// avroCodec finds a codec by the name that files have it under.
func avroCodec(name string) (ocf.Codec, error) {
	switch name {
	case "", "snappy":
		return ocf.SnappyCodec(), nil
	case "deflate":
		return ocf.DeflateCodec(flate.DefaultCompression), nil
	case "zstandard":
		return ocf.ZstdCodec(nil, nil)
	case "null":
		return nil, nil
	}
	return nil, problem.New(problem.Unsupported, "the Avro codec %q is not built", name).About("avro.codec").WithHint("there are null, deflate, snappy, zstandard")
}

// lengthSplitter cuts records that begin with their lengths.
type lengthSplitter struct{}

const lengthBytes = 4

// Split is Splitter's.
func (lengthSplitter) Split(records []batch.View, block []byte, _ bool) ([]batch.View, int) {
	taken := 0
	for len(records) < batch.MaxRows && len(block)-taken >= lengthBytes {
		length := binary.LittleEndian.Uint32(block[taken:])
		if uint64(len(block)-taken-lengthBytes) < uint64(length) {
			break
		}
		records = append(records, batch.View{Offset: uint32(taken), Length: lengthBytes + length})
		taken += lengthBytes + int(length)
	}
	return records, taken
}

// behindLength is what a record has behind its length.
func behindLength(block []byte, record batch.View) []byte {
	return block[record.Offset+lengthBytes : record.Offset+record.Length]
}

// avroFileDecoder is told the writer's schema by the first record.
type avroFileDecoder struct{ avroDecoder }

// HasHeader is true: the schema.
func (d *avroFileDecoder) HasHeader() bool { return true }

// ReadHeader compiles the schema of a file.
func (d *avroFileDecoder) ReadHeader(block []byte, record batch.View) (err error) {
	d.reader, err = newAvroReader(string(behindLength(block, record)), d.columns)
	return err
}

// Decode reads a row from each record.
func (d *avroFileDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	return d.decode(records, func(record batch.View) (*avroReader, []byte, *problem.Problem) {
		return d.reader, behindLength(block, record), nil
	})
}

// avroFileEncoder writes the schema first, and lengths before data.
type avroFileEncoder struct {
	schema string
	avroEncoder
}

// AppendHeader appends the schema.
func (e *avroFileEncoder) AppendHeader(dst []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(e.schema))), e.schema...)
}

// AppendRow appends a datum behind its length.
func (e *avroFileEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	start := len(dst)
	dst, err := e.appendDatum(append(dst, 0, 0, 0, 0), b, i)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-lengthBytes))
	return dst, err
}

// wrapAvro makes a container file of what an avroFileEncoder wrote. The same rows
// give the same bytes, so that a file that is written again is the same: its
// marker is made of its content.
func wrapAvro(content []byte, options map[string]string) ([]byte, error) {
	codec, err := avroCodec(options["avro.codec"])
	if err != nil {
		return nil, err
	}
	records, _ := lengthSplitter{}.Split(nil, content, true)
	text := behindLength(content, records[0])
	schema, err := avro.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("parse the schema of an Avro file: %w", err)
	}
	digest := sha256.Sum256(content)
	with := []ocf.WriterOpt{ocf.WithBlockBytes(avroBlockBytes), ocf.WithSyncMarker([16]byte(digest[:16])), ocf.WithSchema(string(text))}
	if codec != nil {
		with = append(with, ocf.WithCodec(codec))
	}
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, schema, with...)
	if err != nil {
		return nil, fmt.Errorf("begin an Avro file: %w", err)
	}
	content = content[lengthBytes+len(text):]
	for len(content) > 0 {
		records, taken := lengthSplitter{}.Split(nil, content, true)
		for _, r := range records {
			if _, err := w.Write(behindLength(content, r)); err != nil {
				return nil, fmt.Errorf("write an Avro file: %w", err)
			}
		}
		content = content[taken:]
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end an Avro file: %w", err)
	}
	return file.Bytes(), nil
}

// avroFile reads a container file as records with their lengths in front.
type avroFile struct {
	in     *bufio.Reader
	record *avroType // nil before the header was read
	codec  ocf.Codec // nil for none
	marker [16]byte
	ready  []byte // what Read gives next
	rest   []byte // of the block under way
	left   int64  // records in it
	made   []byte // memory of ready
}

func unwrapAvro(file io.Reader) io.Reader { return &avroFile{in: bufio.NewReaderSize(file, 64<<10)} }

// Read is io.Reader's. A file that ends within a block is an error.
func (f *avroFile) Read(p []byte) (int, error) {
	for len(f.ready) == 0 {
		var err error
		switch {
		case f.record == nil:
			err = f.header()
		case f.left > 0:
			err = f.next()
		default:
			err = f.block()
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, f.ready)
	f.ready = f.ready[n:]
	return n, nil
}

// give makes a record what is read next.
func (f *avroFile) give(record []byte) {
	f.made = append(binary.LittleEndian.AppendUint32(f.made[:0], uint32(len(record))), record...)
	f.ready = f.made
}

// next cuts a datum off the block.
func (f *avroFile) next() error {
	cursor := avroCursor{data: f.rest}
	if cursor.skip(f.record) != noFault {
		return damagedAvro("a block of the file has fewer records than it says")
	}
	f.give(f.rest[:len(f.rest)-len(cursor.data)])
	f.rest = cursor.data
	if f.left--; f.left == 0 && len(f.rest) > 0 {
		return damagedAvro("a block of the file has %d bytes behind its records", len(f.rest))
	}
	return nil
}

// header reads the schema and the codec; io.EOF for an empty file.
func (f *avroFile) header() error {
	var magic [4]byte
	if _, err := io.ReadFull(f.in, magic[:]); errors.Is(err, io.EOF) {
		return io.EOF
	} else if err != nil || string(magic[:]) != "Obj\x01" {
		return damagedAvro("the file is no Avro container file").WithHint("it does not begin with Obj and a byte 1")
	}
	var schema, codec []byte
	for {
		count, err := f.varint()
		if err != nil {
			return err
		}
		if count == 0 {
			break
		}
		if count < 0 {
			if _, err := f.varint(); err != nil {
				return err
			}
			count = -count
		}
		for range count {
			key, err := f.text(avroHeaderMax)
			if err != nil {
				return err
			}
			val, err := f.text(avroHeaderMax)
			if err != nil {
				return err
			}
			switch string(key) {
			case "avro.schema":
				schema = val
			case "avro.codec":
				codec = val
			}
		}
	}
	if _, err := io.ReadFull(f.in, f.marker[:]); err != nil {
		return f.short(err)
	}
	name := string(codec)
	if name == "" {
		name = "null"
	}
	var err error
	if f.codec, err = avroCodec(name); err != nil {
		return err
	}
	if f.record, err = parseAvro(string(schema)); err != nil {
		return err
	}
	f.give(schema)
	return nil
}

// block reads the next block; io.EOF behind the last one.
func (f *avroFile) block() error {
	if _, err := f.in.Peek(1); errors.Is(err, io.EOF) {
		return io.EOF
	}
	count, err := f.varint()
	if err != nil {
		return err
	}
	if f.rest, err = f.text(avroBlockBytesMax); err != nil {
		return err
	}
	var marker [16]byte
	if _, err := io.ReadFull(f.in, marker[:]); err != nil {
		return f.short(err)
	}
	if marker != f.marker || count < 0 {
		return damagedAvro("a block of the file does not end with the file's marker")
	}
	if f.codec != nil {
		if f.rest, err = f.codec.(ocf.BoundedDecompressor).DecompressBounded(f.rest, avroBlockBytesMax); err != nil {
			return damagedAvro("a block of the file cannot be unpacked: %v", err)
		}
	}
	if f.left = count; count == 0 && len(f.rest) > 0 {
		return damagedAvro("a block of the file has %d bytes and no records", len(f.rest))
	}
	return nil
}

func (f *avroFile) varint() (int64, error) {
	n, err := binary.ReadVarint(f.in)
	if err != nil {
		return 0, f.short(err)
	}
	return n, nil
}

// text reads a length and as many bytes.
func (f *avroFile) text(most int64) ([]byte, error) {
	n, err := f.varint()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > most {
		return nil, damagedAvro("a part of the file says that it has %d bytes; at most %d are read", n, most)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(f.in, b)
	return b, f.short(err)
}

// short tells the end of the file where it should go on from other errors.
func (f *avroFile) short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damagedAvro("the file ends too early")
	}
	return err
}

func damagedAvro(message string, args ...any) *problem.Problem {
	return problem.New(problem.InvalidValue, message, args...)
}
