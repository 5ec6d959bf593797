// Package format turns bytes from outside into columns and rows into bytes:
// JSON, CSV, raw lines and the messages of Debezium, Canal and Maxwell, as
// Flink's formats of these names read and write them.
//
// It opens no files and knows no connectors: it is given bytes and gives
// batches. It is not a general JSON or CSV library.
//
// Flow of a reader: a connector cuts its input into records (Lines, or one
// message each) of a block → Decoder.Decode fills columns whose texts are views
// into that block → records that could not be read come back as Rejected, and
// the connector drops, quarantines or fails.
// Flow of a writer: Encoder.AppendRow, row by row.
//
// Invariants:
//  1. A record gives one row or one Rejected, unless it is the header of a CSV
//     file or a message with several changes; rows keep the order of records.
//  2. Only columns asked for are converted, so damage in the others is not
//     seen; a record must be well formed as a whole all the same.
//  3. The batch shares the block's memory: whoever passes a block to Decode
//     does not write to it again, unless the decoder was told to copy texts
//     (JSONDecoder.CopyTexts).
//  4. What the JSON decoder accepts, encoding/json/v2's jsontext accepts with the
//     same meaning, and a record read along its seams is what it is when it is read
//     the thorough way; fuzz tests compare them.
//  5. Words are read and written without a check of bounds, and bytes marked in
//     assembler, in two small files only; -tags purego does without both.
package format

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Limits.
const (
	depthMax         = 1000 // nesting of JSON, as Jackson
	seamsMax         = 2048 // seams between values that a JSON decoder learns
	seamBytesMax     = 4096 // of one of them
	alternatives     = 8    // seams that it tries one after another at one place
	lentMax          = 24   // batches of a Lender that are out
	steadyChangesMax = 8    // of the length of texts at one place, before none is expected
	learnedDepth     = 16   // nesting of the objects that seams are learned of
	quotedTextMax    = 60   // bytes of a record or value repeated in a message
)

// Column is a column to decode: where it is in the record and what it becomes.
type Column struct {
	Name     string
	Type     value.Type
	Position int // among the physical columns of the table, from 0; used by formats without names
	// Unread has true for each field of a ROW that need not be decoded; nil when
	// all are read. A decoder may put a column without data in its place.
	Unread []bool
}

// Decoder reads records of one format into columns. It is used by one goroutine
// at a time.
type Decoder interface {
	// Decode reads records, views into block of at most batch.MaxRows, into a
	// new batch of the decoder's columns. The rejected are in ascending order.
	Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected)
	// Tolerant reports that the user wants unreadable records dropped without
	// a word ('…ignore-parse-errors').
	Tolerant() bool
}

// Rejected is a record that gave no row.
type Rejected struct {
	Record  int              // index of the record in the call
	Problem *problem.Problem // what is wrong; Field names the column if it is about one
}

// Encoder writes rows of one format. It is used by one goroutine at a time.
type Encoder interface {
	// AppendHeader appends what stands before the first row of a file.
	AppendHeader(dst []byte) []byte
	// AppendRow appends row i of b with the line's end.
	AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error)
}

// Format makes decoders and encoders of one name of the 'format' option.
type Format struct {
	Name    string
	Doc     string
	Options []connect.Option
	Arrays  bool // a record may be a JSON array of records, see SplitArray
	Changes bool // rows may be updates and deletes, and a record may give several
	// InFiles is the format as it stands in files, when that is not one record
	// behind the other; Container then tells how files are made of records.
	InFiles   *Format
	Container *Container
	// NewDecoder checks the options and makes a decoder of the columns to be
	// read. table is all physical columns of the table, nil when unknown.
	NewDecoder func(columns []Column, table []value.Field, options map[string]string) (Decoder, error)
	// NewEncoder checks the options and makes an encoder of whole rows.
	NewEncoder func(fields []value.Field, options map[string]string) (Encoder, error)
	// NewSplitter cuts a file's bytes into records.
	NewSplitter func(options map[string]string) (Splitter, error)
}

// Container turns the bytes of a file into what the format's splitter cuts, and
// back.
type Container struct {
	Unwrap func(file io.Reader) io.Reader
	// Wrap makes a file of a header and rows of the encoder.
	Wrap func(content []byte, options map[string]string) ([]byte, error)
}

// Formats lists the formats there are.
func Formats() []Format {
	return []Format{jsonFormat(), csvFormat(), avroFormat(), avroConfluentFormat(), rawFormat(), changelogFormat(debezium), changelogFormat(canal), changelogFormat(maxwell)}
}

// ByName finds a format; an unknown name is a problem with the nearest one.
func ByName(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	switch name {
	case "":
		return Format{}, problem.New(problem.InvalidOption, "the table has no 'format'").About("format").WithHint("formats: %v", names)
	case "parquet", "orc":
		return Format{}, problem.New(problem.Unsupported, "format %q is not built yet", name).About("format").WithHint("formats: %v", names)
	}
	p := problem.New(problem.InvalidOption, "unknown format %q", name).About("format").WithHint("formats: %v", names)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %q?", near)
	}
	return Format{}, p
}

// Splitter cuts a stream into records. It is used by one goroutine at a time.
type Splitter interface {
	// Split appends the records of block to records, without their line ends,
	// and tells how many bytes they took. The rest is the beginning of a record
	// that goes on in the next block; with final, nothing goes on. It stops
	// after batch.MaxRows records.
	Split(records []batch.View, block []byte, final bool) (all []batch.View, taken int)
}

// lineSplitter makes a record of every line.
type lineSplitter struct{ keepEmpty bool }

// Split cuts at line feeds and drops a carriage return before one.
func (s lineSplitter) Split(records []batch.View, block []byte, final bool) ([]batch.View, int) {
	taken := 0
	for taken < len(block) && len(records) < batch.MaxRows {
		length := bytes.IndexByte(block[taken:], '\n')
		next := taken + length + 1
		if length < 0 {
			if !final {
				break
			}
			length = len(block) - taken
			next = len(block)
		}
		if length > 0 && block[taken+length-1] == '\r' {
			length--
		}
		if length > 0 || s.keepEmpty {
			records = append(records, batch.View{Offset: uint32(taken), Length: uint32(length)})
		}
		taken = next
	}
	return records, taken
}

// booleanOption reads an option that is true or false.
func booleanOption(options map[string]string, name string) (bool, error) {
	switch options[name] {
	case "", "false", "FALSE", "False":
		return false, nil
	case "true", "TRUE", "True":
		return true, nil
	}
	return false, problem.New(problem.InvalidOption, "option %q cannot be %q", name, options[name]).About(name).WithHint("allowed: true, false")
}

// quoted shortens a text for a message.
func quoted[S ~string | ~[]byte](text S) string {
	const replacement = "\ufffd"
	if len(text) <= quotedTextMax {
		return strings.ToValidUTF8(string(text), replacement)
	}
	end := quotedTextMax
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(string(text[:end]), replacement) + "…"
}
