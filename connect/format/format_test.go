package format

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones, whatever the machine knows

	"github.com/cockroachdb/datadriven"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// TestDecode runs the golden files. A case names the table's columns, those to
// read, and the options; its input lines begin with a bar and spell unusual
// bytes as \xff. The answer is the rows, sorted unless they are
// changes, and what was rejected. The
// rows of cases named after a conformance case are answers of a real Flink.
//
//	decode format=… [zone=…]   rows as JSON arrays of the cells' texts
//	encode format=…            the rows written again
func TestDecode(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			zone := time.UTC
			if d.HasArg("zone") {
				var name string
				d.ScanArgs(t, "zone", &name)
				var err error
				if zone, err = time.LoadLocation(name); err != nil {
					t.Fatal(err)
				}
			}
			var name string
			d.ScanArgs(t, "format", &name)
			c := parseCase(t, d.Input)
			b, rejected, err := c.decode(name, d.HasArg("strict"))
			if err != nil {
				return fmt.Sprintln("error:", err)
			}
			var out []string
			switch d.Cmd {
			case "decode":
				for i := range b.Rows {
					text := rowText(b, i, zone)
					if b.Kinds != nil {
						text = b.Kind(i).String() + " " + text
					}
					out = append(out, text)
				}
				if b.Kinds == nil {
					sort.Strings(out)
				}
			case "encode":
				f, _ := ByName(name)
				e, err := f.NewEncoder(c.fields(), c.options)
				if err != nil {
					return fmt.Sprintln("error:", err)
				}
				text := e.AppendHeader(nil)
				for i := range b.Rows {
					if text, err = e.AppendRow(text, b, i); err != nil {
						return fmt.Sprintln("error:", err)
					}
				}
				out = append(out, strings.TrimSuffix(string(text), "\n"))
			}
			for _, r := range rejected {
				out = append(out, fmt.Sprintf("rejected %d: %s %s", r.Record, r.Problem.Code, r.Problem))
			}
			return strings.Join(out, "\n") + "\n"
		})
	})
}

func rowText(b *batch.Batch, i int, zone *time.Location) string {
	cells := make([]string, len(b.Columns))
	for k, v := range b.Row(i) {
		cells[k] = "null"
		if !v.Null {
			cells[k] = string(appendJSONText(nil, v.AppendText(nil, zone)))
		}
	}
	return "[" + strings.Join(cells, ", ") + "]"
}

// testCase is the input of a golden case.
type testCase struct {
	table   []value.Field
	read    []string
	options map[string]string
	input   []byte
}

func parseCase(t *testing.T, text string) testCase {
	c := testCase{options: map[string]string{}}
	for _, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "|"):
			s, err := strconv.Unquote(`"` + strings.ReplaceAll(line[1:], `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			c.input = append(append(c.input, s...), '\n')
		case word == "table":
			p := typeParser{t: t, text: rest}
			c.table = p.fields()
		case word == "read":
			c.read = strings.Split(rest, ", ")
		case word == "option":
			name, val, _ := strings.Cut(rest, " = ")
			c.options[name] = val
		}
	}
	if c.read == nil {
		for _, f := range c.table {
			c.read = append(c.read, f.Name)
		}
	}
	return c
}

func (c testCase) columns() []Column {
	var columns []Column
	for _, name := range c.read {
		for i, f := range c.table {
			if f.Name == name {
				columns = append(columns, Column{Name: name, Type: f.Type, Position: i})
			}
		}
	}
	return columns
}

func (c testCase) fields() []value.Field {
	var fields []value.Field
	for _, column := range c.columns() {
		fields = append(fields, value.Field{Name: column.Name, Type: column.Type})
	}
	return fields
}

func (c testCase) decode(name string, strict bool) (*batch.Batch, []Rejected, error) {
	f, err := ByName(name)
	if err != nil {
		return nil, nil, err
	}
	decoder, err := f.NewDecoder(c.columns(), c.table, c.options)
	if err != nil {
		return nil, nil, err
	}
	if strict {
		decoder = NewJSONDecoder(c.columns(), JSONOptions{Strict: true})
	}
	splitter, err := f.NewSplitter(c.options)
	if err != nil {
		return nil, nil, err
	}
	records, taken := splitter.Split(nil, c.input, true)
	if taken != len(c.input) {
		return nil, nil, fmt.Errorf("the splitter left %d bytes", len(c.input)-taken)
	}
	if headed, ok := decoder.(Headed); ok && headed.HasHeader() {
		if err := headed.ReadHeader(c.input, records[0]); err != nil {
			return nil, nil, err
		}
		records = records[1:]
	}
	if f.Arrays {
		records = withElements(c.input, records)
	}
	b, rejected := decoder.Decode(c.input, records)
	return b, rejected, nil
}

// withElements puts the elements of arrays in their place.
func withElements(block []byte, records []batch.View) []batch.View {
	var all []batch.View
	for _, r := range records {
		if elements, err := SplitArray(nil, block, r); err == nil {
			all = append(all, elements...)
		} else {
			all = append(all, r)
		}
	}
	return all
}

// typeParser reads column lists and types as SQL writes them.
type typeParser struct {
	t    testing.TB
	text string
}

func (p *typeParser) take(s string) bool {
	p.text = strings.TrimLeft(p.text, " ")
	if strings.HasPrefix(p.text, s) {
		p.text = p.text[len(s):]
		return true
	}
	return false
}

func (p *typeParser) word() string {
	p.text = strings.TrimLeft(p.text, " ")
	n := strings.IndexFunc(p.text, func(r rune) bool { return strings.ContainsRune(" ,<>()", r) })
	if n < 0 {
		n = len(p.text)
	}
	w := p.text[:n]
	p.text = p.text[n:]
	return w
}

func (p *typeParser) fields() []value.Field {
	var fields []value.Field
	for {
		fields = append(fields, value.Field{Name: p.word(), Type: p.typ()})
		if !p.take(",") {
			return fields
		}
	}
}

func (p *typeParser) numbers() []int {
	var numbers []int
	if p.take("(") {
		for !p.take(")") {
			n, err := strconv.Atoi(p.word())
			if err != nil {
				p.t.Fatal(err)
			}
			numbers = append(numbers, n)
			p.take(",")
		}
	}
	return numbers
}

func (p *typeParser) typ() value.Type {
	t := p.bareType()
	if p.take("NOT NULL") {
		return t.Required()
	}
	return t
}

func (p *typeParser) bareType() value.Type {
	name := p.word()
	switch name {
	case "STRING":
		return value.StringType
	case "BYTES":
		return value.BytesType
	case "ARRAY":
		p.take("<")
		elem := p.typ()
		p.take(">")
		return value.ArrayOf(elem)
	case "MAP":
		p.take("<")
		key := p.typ()
		p.take(",")
		elem := p.typ()
		p.take(">")
		return value.MapOf(key, elem)
	case "ROW":
		p.take("<")
		fields := p.fields()
		p.take(">")
		return value.RowOf(fields...)
	}
	numbers := p.numbers()
	for kind := value.Boolean; kind <= value.Variant; kind++ {
		if kind.String() == name {
			t := value.Type{Kind: kind}
			if len(numbers) > 0 {
				t.Precision = numbers[0]
			}
			if len(numbers) > 1 {
				t.Scale = numbers[1]
			}
			return t
		}
	}
	p.t.Fatalf("no type %q", name)
	return value.Type{}
}
