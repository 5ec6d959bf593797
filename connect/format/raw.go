package format

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// rawFormat is 'format' = 'raw'.
func rawFormat() Format {
	return Format{
		Name: "raw",
		Doc:  "one STRING or BYTES column: the line or message as it is",
		Options: []connect.Option{
			{Name: "raw.charset", Doc: "character set of a STRING column", Default: "UTF-8"},
		},
		NewDecoder: func(columns []Column, _ []value.Field, options map[string]string) (Decoder, error) {
			if len(columns) > 1 {
				return nil, problem.New(problem.InvalidQuery, "the raw format has one column, not %d", len(columns))
			}
			for _, c := range columns {
				if !c.Type.IsText() && !c.Type.IsBytes() {
					return nil, problem.New(problem.Unsupported, "the raw format has no form for %s", c.Type).About(c.Name).WithHint("declare STRING or BYTES and CAST")
				}
			}
			charset, err := rawCharset(options)
			if err != nil {
				return nil, err
			}
			return &rawDecoder{columns: columns, charset: charset}, nil
		},
		NewEncoder: func(fields []value.Field, options map[string]string) (Encoder, error) {
			if len(fields) != 1 || fields[0].Type.Class() != value.Strings {
				return nil, problem.New(problem.InvalidQuery, "the raw format writes one STRING or BYTES column")
			}
			charset, err := rawCharset(options)
			return rawEncoder{charset}, err
		},
		NewSplitter: func(map[string]string) (Splitter, error) { return lineSplitter{keepEmpty: true}, nil },
	}
}

// rawCharset is nil for UTF-8.
func rawCharset(options map[string]string) (encoding.Encoding, error) {
	name := options["raw.charset"]
	if name == "" {
		return nil, nil
	}
	charset, err := ianaindex.IANA.Encoding(name)
	if err != nil || charset == nil {
		return nil, problem.New(problem.InvalidOption, "unknown character set %q", name).About("raw.charset").WithHint("for example UTF-8, GBK, ISO-8859-1, Shift_JIS")
	}
	if charset == unicode.UTF8 {
		return nil, nil
	}
	return charset, nil
}

type rawDecoder struct {
	columns []Column
	charset encoding.Encoding
}

// Tolerant is false: every record is a row.
func (d *rawDecoder) Tolerant() bool { return false }

// Decode makes each record a row.
func (d *rawDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	b := &batch.Batch{Rows: len(records)}
	for _, column := range d.columns {
		c := batch.NewColumn(column.Type, len(records))
		c.Views = append(c.Views, records...)
		c.Heap = block[:len(block):len(block)]
		if column.Type.IsText() {
			for i := range records {
				d.recode(c, i)
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b, nil
}

// recode makes row i valid UTF-8.
func (d *rawDecoder) recode(c *batch.Column, i int) {
	text := c.Bytes(i)
	switch {
	case d.charset != nil:
		if decoded, err := d.charset.NewDecoder().Bytes(text); err == nil {
			c.SetBytes(i, decoded)
		}
	case !utf8.Valid(text):
		c.SetString(i, string([]rune(string(text)))) // one U+FFFD for each bad byte
	}
}

type rawEncoder struct{ charset encoding.Encoding }

// AppendHeader appends nothing.
func (e rawEncoder) AppendHeader(dst []byte) []byte { return dst }

// AppendRow appends the text of the only column; NULL is an empty line.
func (e rawEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	if c := b.Columns[0]; !c.IsNull(i) {
		text := c.Bytes(i)
		if e.charset != nil && c.Type.IsText() {
			encoded, err := e.charset.NewEncoder().Bytes(bytes.Clone(text))
			if err != nil {
				return dst, problem.New(problem.InvalidValue, "the character set of raw.charset has no form for %q", quoted(text)).About("raw.charset")
			}
			text = encoded
		}
		dst = append(dst, text...)
	}
	return append(dst, '\n'), nil
}
