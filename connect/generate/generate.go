// Package generate makes rows up: Flink's datagen connector.
//
// It is not the traffic of the demo (examples/ads) nor of the benchmarks.
//
// Flow: the options of each field become a maker of values → a split is a share
// of the row numbers → row n of a split is always the same, so that a restart
// goes on exactly.
//
// Invariants:
//  1. Row n depends only on the options and n.
package generate

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Limits and defaults.
const (
	rowsPerSecondDefault = 10_000
	lengthDefault        = 100
	lengthMax            = 1 << 20
	pace                 = 50 * time.Millisecond // how often an unbounded source gives rows
)

// Connector is datagen.
func Connector() connect.Connector {
	return connect.Connector{
		Name: "datagen", Doc: "makes rows up",
		Options: []connect.Option{
			{Name: "rows-per-second", Doc: "how many rows a second", Default: strconv.Itoa(rowsPerSecondDefault)},
			{Name: "number-of-rows", Doc: "how many rows in all; unbounded without"},
			{Name: "scan.parallelism", Doc: "accepted for Flink's sake"},
			{Name: "fields.", Doc: "fields.NAME.kind, .min, .max, .length, .start, .end, .null-rate, .max-past, .var-len", Prefix: true},
		},
		Source: newSource,
	}
}

// source makes rows.
type source struct {
	rate    int64
	rows    int64 // negative: unbounded
	columns []connect.Column
	makers  []maker
}

// maker writes the value of row n into row i of a column.
type maker func(random *rand.Rand, n int64, c *batch.Column, i int)

func newSource(r connect.Request) (connect.Source, error) {
	s := &source{columns: r.Columns}
	var err error
	if s.rate, err = number(r.Options, "rows-per-second", rowsPerSecondDefault); err != nil {
		return nil, err
	}
	if s.rows, err = number(r.Options, "number-of-rows", -1); err != nil {
		return nil, err
	}
	for _, c := range r.Columns {
		m, last, err := makerOf(r.Options, c)
		if err != nil {
			return nil, err
		}
		s.makers = append(s.makers, m)
		if last >= 0 && (s.rows < 0 || last < s.rows) {
			s.rows = last // a sequence that ends ends the source
		}
	}
	if r.Bounded && s.rows < 0 {
		return nil, problem.New(problem.InvalidOption, "a datagen table without number-of-rows has no end").About("number-of-rows").WithHint("set 'number-of-rows', or run in streaming mode")
	}
	return s, nil
}

func number(options map[string]string, key string, otherwise int64) (int64, error) {
	text, given := options[key]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, problem.New(problem.InvalidOption, "option %q is %q, not a whole number", key, text).About(key)
	}
	return n, nil
}

// Splits is one: rows have one order.
func (s *source) Splits(context.Context) ([]connect.SplitID, error) {
	return []connect.SplitID{"rows"}, nil
}

// Bounded reports whether the number of rows is known.
func (s *source) Bounded() bool { return s.rows >= 0 }

// Open goes on at a row number.
func (s *source) Open(_ context.Context, _ connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r := &reader{source: s}
	if len(from) == 8 {
		r.next = int64(binary.BigEndian.Uint64(from))
	}
	r.start, r.since = r.next, time.Now()
	return r, nil
}

var _ connect.Waiter = (*reader)(nil)

// reader counts rows.
type reader struct {
	source *source
	next   int64
	start  int64     // the row that came at since
	since  time.Time // an unbounded reader keeps the rate from here
}

// due is how many rows there are to be by now at the rate of an unbounded source.
func (r *reader) due() int64 {
	return r.start + int64(time.Since(r.since).Seconds()*float64(r.source.rate))
}

// Wait waits until a row of an unbounded source is due.
func (r *reader) Wait(ctx context.Context) {
	for r.source.rows < 0 && r.due() <= r.next && ctx.Err() == nil {
		timer := time.NewTimer(pace)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// Read gives rows at once when the source is bounded, and at its rate otherwise.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	n := int64(batch.MaxRows)
	if r.source.rows >= 0 {
		n = min(n, r.source.rows-r.next)
		if n <= 0 {
			return nil, io.EOF
		}
	} else {
		r.Wait(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n = min(n, r.due()-r.next)
	}
	b := &batch.Batch{Rows: int(n)}
	for k, c := range r.source.columns {
		column := batch.NewColumn(c.Type, int(n))
		column.Resize(int(n))
		for i := range int(n) {
			row := r.next + int64(i)
			r.source.makers[k](rand.New(rand.NewPCG(uint64(row), uint64(k))), row, column, i)
		}
		b.Columns = append(b.Columns, column)
	}
	r.next += n
	return b, nil
}

// Offset is the next row number.
func (r *reader) Offset() connect.Offset {
	return binary.BigEndian.AppendUint64(nil, uint64(r.next))
}

// Watermark is unknown.
func (r *reader) Watermark() int64 { return batch.NoMark }

// Close does nothing.
func (r *reader) Close() error { return nil }

// makerOf reads the options of a field; last is how many rows a sequence has,
// negative for random fields.
func makerOf(options map[string]string, c connect.Column) (m maker, last int64, err error) {
	option := func(name string) string { return "fields." + c.Name + "." + name }
	switch kind := options[option("kind")]; kind {
	case "sequence":
		return sequence(options, option, c)
	case "", "random":
		m, err = random(options, option, c)
		return m, -1, err
	default:
		return nil, 0, problem.New(problem.InvalidOption, "option %q is %q", option("kind"), kind).About(option("kind")).WithHint("allowed: random, sequence")
	}
}

func sequence(options map[string]string, option func(string) string, c connect.Column) (maker, int64, error) {
	start, err := number(options, option("start"), 0)
	if err != nil {
		return nil, 0, err
	}
	end, err := number(options, option("end"), -1)
	if err != nil {
		return nil, 0, err
	}
	if _, given := options[option("end")]; !given {
		return nil, 0, problem.New(problem.InvalidOption, "a sequence needs %q", option("end")).About(option("end"))
	}
	var m maker
	switch {
	case c.Type.IsInteger():
		m = func(_ *rand.Rand, n int64, c *batch.Column, i int) { c.Ints[i] = start + n }
	case c.Type.IsText():
		m = func(_ *rand.Rand, n int64, c *batch.Column, i int) { c.SetString(i, strconv.FormatInt(start+n, 10)) }
	case c.Type.IsApproximate():
		m = func(_ *rand.Rand, n int64, c *batch.Column, i int) { c.Floats[i] = float64(start + n) }
	default:
		return nil, 0, unsupported(c, "a sequence")
	}
	return m, end - start + 1, nil
}

func unsupported(c connect.Column, what string) error {
	return problem.New(problem.Unsupported, "datagen makes no %s of %s", what, c.Type).About(c.Name)
}

func random(options map[string]string, option func(string) string, c connect.Column) (maker, error) {
	lowest, highest := bounds(c.Type)
	low, err := number(options, option("min"), lowest)
	if err != nil {
		return nil, err
	}
	high, err := number(options, option("max"), highest)
	if err != nil {
		return nil, err
	}
	length, err := number(options, option("length"), int64(min(c.Type.Precision, lengthDefault)))
	if err != nil {
		return nil, err
	}
	if high < low || length < 0 || length > lengthMax {
		return nil, problem.New(problem.InvalidOption, "the bounds of field %s leave no value", c.Name).About(c.Name)
	}
	nulls, err := rate(options, option("null-rate"))
	if err != nil {
		return nil, err
	}
	past, err := number(map[string]string{"": trimUnit(options[option("max-past")])}, "", 0)
	if err != nil {
		return nil, problem.New(problem.InvalidOption, "option %q is not a time like '5 s'", option("max-past")).About(option("max-past"))
	}
	var m maker
	switch {
	case c.Type.Kind == value.Boolean:
		m = func(r *rand.Rand, _ int64, c *batch.Column, i int) { c.Bools[i] = r.IntN(2) == 1 }
	case c.Type.IsInteger():
		m = func(r *rand.Rand, _ int64, c *batch.Column, i int) { c.Ints[i] = between(r, low, high) }
	case c.Type.IsApproximate():
		m = func(r *rand.Rand, _ int64, c *batch.Column, i int) {
			c.Floats[i] = float64(low) + r.Float64()*(float64(high)-float64(low))
		}
	case c.Type.IsText():
		m = func(r *rand.Rand, _ int64, c *batch.Column, i int) { c.SetBytes(i, letters(r, int(length))) }
	case c.Type.IsTimestamp() && c.Type.Class() == value.Ints:
		m = func(r *rand.Rand, _ int64, c *batch.Column, i int) {
			c.Ints[i] = time.Now().UnixMilli()*1000 - r.Int64N(past+1)*1000
		}
	default:
		return nil, unsupported(c, "random values")
	}
	if nulls == 0 {
		return m, nil
	}
	return func(r *rand.Rand, n int64, c *batch.Column, i int) {
		if m(r, n, c, i); r.Float64() < nulls {
			c.SetNull(i)
		}
	}, nil
}

// trimUnit reads '5 s', '100 ms', '1 min' as milliseconds.
func trimUnit(text string) string {
	if text == "" {
		return "0"
	}
	var n int64
	var unit string
	if k, _ := fmt.Sscanf(text, "%d %s", &n, &unit); k < 2 {
		fmt.Sscanf(text, "%d%s", &n, &unit) //nolint:errcheck // an unreadable text stays as it is and is refused
	}
	factor, ok := map[string]int64{"ms": 1, "s": 1000, "sec": 1000, "min": 60_000, "h": 3_600_000}[unit]
	if !ok {
		return text
	}
	return strconv.FormatInt(n*factor, 10)
}

func rate(options map[string]string, key string) (float64, error) {
	text, given := options[key]
	if !given {
		return 0, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 1 {
		return 0, problem.New(problem.InvalidOption, "option %q is %q, not a share between 0 and 1", key, text).About(key)
	}
	return f, nil
}

// bounds are the default range of random numbers.
func bounds(t value.Type) (low, high int64) {
	switch t.Kind {
	case value.TinyInt:
		return -1 << 7, 1<<7 - 1
	case value.SmallInt:
		return -1 << 15, 1<<15 - 1
	case value.Int:
		return -1 << 31, 1<<31 - 1
	case value.BigInt:
		return -1 << 63, 1<<63 - 1
	}
	return 0, 1
}

func between(r *rand.Rand, low, high int64) int64 {
	width := uint64(high) - uint64(low)
	if width == 1<<64-1 {
		return int64(r.Uint64())
	}
	return low + int64(r.Uint64N(width+1))
}

func letters(r *rand.Rand, length int) []byte {
	const hex = "0123456789abcdef"
	text := make([]byte, length)
	for i := range text {
		text[i] = hex[r.IntN(len(hex))]
	}
	return text
}
