package function

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// aggregateCall is an aggregate of a test, resolved.
type aggregateCall struct {
	overload *plan.Overload
	types    []value.Type   // of the columns that rows give
	literals []*value.Value // of the arguments that are constants, nil for columns
}

// readAggregate reads NAME(TYPE, TYPE constant, …).
func readAggregate(line string, distinct bool) (*plan.Function, aggregateCall, error) {
	name, rest, _ := strings.Cut(line, "(")
	f, ok := Lookup(name)
	if !ok {
		return nil, aggregateCall{}, fmt.Errorf("unknown aggregate %q", name)
	}
	r := &reader{text: rest}
	var call aggregateCall
	var args []plan.Argument
	for !r.accept(")") {
		t := r.readType()
		argument := plan.Argument{Type: t}
		if !r.accept(",") && !strings.HasPrefix(r.text[r.at:], ")") {
			v := r.readValue(t)
			argument.Literal = &v
			r.accept(",")
		}
		args = append(args, argument)
		call.types = append(call.types, t)
		call.literals = append(call.literals, argument.Literal)
	}
	overload, err := f.Resolve(args)
	if err != nil {
		return f, call, err
	}
	if distinct {
		overload = Distinct(overload)
	}
	call.overload = overload
	return f, call, nil
}

// aggregateRow is one row of input.
type aggregateRow struct {
	values  []value.Value
	retract bool
}

func (c *aggregateCall) readRow(line string) aggregateRow {
	r := &reader{text: line}
	row := aggregateRow{retract: r.accept("~")}
	for i, t := range c.types {
		if c.literals[i] != nil {
			row.values = append(row.values, *c.literals[i])
			continue
		}
		r.blanks()
		row.values = append(row.values, r.readValue(t))
		r.accept(",")
	}
	return row
}

// columns makes argument columns of rows, and which rows are taken back: nil
// when none is.
func (c *aggregateCall) columns(rows []aggregateRow) ([]*batch.Column, []bool) {
	args := make([]*batch.Column, len(c.overload.Params))
	for i, t := range c.overload.Params {
		args[i] = batch.NewColumn(t, len(rows))
		for _, row := range rows {
			v, err := convert(row.values[i], t, nil)
			if err != nil {
				panic(err)
			}
			args[i].AppendValue(v)
		}
	}
	retract, back := make([]bool, len(rows)), false
	for i, row := range rows {
		retract[i] = row.retract
		back = back || row.retract
	}
	if !back {
		return args, nil
	}
	return args, retract
}

// state is an accumulator of the call with one group that rows went into.
func (c *aggregateCall) state(ctx *plan.Context, rows []aggregateRow) plan.Accumulator {
	s := c.overload.New(ctx)
	s.Resize(1)
	c.feed(s, 0, rows)
	return s
}

func (c *aggregateCall) feed(s plan.Accumulator, group uint32, rows []aggregateRow) {
	args, retract := c.columns(rows)
	groups := make([]uint32, len(rows))
	for i := range groups {
		groups[i] = group
	}
	s.Update(groups, args, retract)
}

// result is a group's value as text.
func (c *aggregateCall) result(s plan.Accumulator, group uint32) string {
	out := batch.NewColumn(c.overload.Result, 1)
	out.Resize(1)
	s.Result([]uint32{group}, out)
	return string(out.Value(0).AppendText(nil, nil))
}

func runAggregate(t *testing.T, d *datadriven.TestData, covered map[string]bool) string {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s: %v", d.Pos, p)
		}
	}()
	lines := strings.Split(strings.TrimSuffix(d.Input, "\n"), "\n")
	f, call, err := readAggregate(lines[0], d.HasArg("distinct"))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	covered[f.Name] = true
	ctx := &plan.Context{Retracts: d.HasArg("retracts")}
	var rows []aggregateRow
	for _, line := range lines[1:] {
		rows = append(rows, call.readRow(line))
		ctx.Retracts = ctx.Retracts || rows[len(rows)-1].retract
	}
	whole := call.state(ctx, rows)
	shown := call.result(whole, 0)

	// The same rows in two states that are merged, and by way of stored bytes. A
	// list cannot tell what was taken back from an earlier state from what was
	// taken back before it came, so such cases say apart.
	for cut := range len(rows) + 1 {
		if d.HasArg("apart") {
			break
		}
		left, right := call.state(ctx, rows[:cut]), call.state(ctx, rows[cut:])
		left.Merge([]uint32{0}, right, []uint32{0})
		if got := call.result(left, 0); got != shown {
			t.Errorf("%s: %s, but %s when merged after %d rows", d.Pos, shown, got, cut)
		}
	}
	stored := call.overload.New(ctx)
	stored.Resize(3)
	rest, err := stored.Decode(2, append(whole.Encode(0, nil), 0xEE))
	if err != nil || len(rest) != 1 || rest[0] != 0xEE {
		t.Errorf("%s: decoding left %x, %v", d.Pos, rest, err)
	}
	if got := call.result(stored, 2); got != shown {
		t.Errorf("%s: %s, but %s after a round trip", d.Pos, shown, got)
	}
	empty := call.result(stored, 0)
	stored.Clear(2)
	if got := call.result(stored, 2); got != empty {
		t.Errorf("%s: a cleared group gives %s instead of %s", d.Pos, got, empty)
	}
	return call.overload.Result.String() + ": " + shown + "\n"
}
