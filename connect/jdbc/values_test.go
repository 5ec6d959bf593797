package jdbc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// readAs is what a column of the type shows for what a driver has.
func readAs(of value.Type, from family, source any) string {
	t := &table{path: "t"}
	c := newCells(t, []column{{name: "c", of: of, family: from}})
	columns := c.begin()
	if err := c[0].Scan(source); err != nil {
		return problem.Of(err).Message
	}
	return columns[0].Value(0).String()
}

func TestValuesAreReadAsDeclared(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 123456789, time.UTC)
	for _, c := range []struct {
		of     value.Type
		from   family
		source any
		want   string
	}{
		{value.BooleanType, integerFamily, int64(1), "TRUE"},
		{value.BooleanType, booleanFamily, false, "FALSE"},
		{value.BooleanType, bitFamily, []byte{1}, "TRUE"},
		{value.BigIntType, bitFamily, []byte{1, 0}, "256"},
		{value.IntType, integerFamily, int64(-1 << 31), "-2147483648"},
		{value.IntType, integerFamily, int64(1 << 31), `column c of t holds "2147483648", which is no INT: it is out of range`},
		{value.BigIntType, integerFamily, uint64(1 << 63), `column c of t holds "9223372036854775808", which is no BIGINT: it is out of range`},
		{value.DecimalOf(20, 0), integerFamily, uint64(1<<64 - 1), "18446744073709551615"},
		{value.DecimalOf(4, 2), decimalFamily, []byte("1.005"), "1.01"},
		{value.DecimalOf(4, 2), decimalFamily, "100", `column c of t holds "100", which is no DECIMAL(4, 2): it is out of range`},
		{value.DecimalOf(4, 2), decimalFamily, "NaN", `column c of t holds "NaN", which is no DECIMAL(4, 2): it is out of range`},
		{value.IntType, decimalFamily, "7", "7"},
		{value.IntType, decimalFamily, "7.5", `column c of t holds "7.5", which is no INT: it is out of range`},
		{value.FloatType, floatFamily, float32(0.1), "0.1"},
		{value.DoubleType, decimalFamily, []byte("0.25"), "0.25"},
		{value.DateType, dateFamily, []byte("2024-02-29"), "2024-02-29"},
		{value.DateType, dateFamily, at, "2024-01-02"},
		{value.DateType, dateFamily, []byte("2024-00-10"), `column c of t holds "2024-00-10", which is no DATE: there is no such day`},
		{value.DateType, dateFamily, "infinity", `column c of t holds "infinity", which is no DATE: expected a year of four digits at character 1`},
		{value.TimeOf(0), timeFamily, []byte("23:59:59.999"), "23:59:59"},
		{value.TimeOf(3), timeFamily, "23:59:59.999999", "23:59:59.999"},
		{value.TimeOf(0), timeFamily, []byte("838:59:59"), `column c of t holds "838:59:59", which is no TIME(0): expected an hour from 00 to 23 at character 1`},
		{value.TimestampOf(6), timestampFamily, at, "2024-01-02 03:04:05.123456"},
		{value.TimestampOf(3), timestampFamily, []byte("1969-12-31 23:59:59.999999"), "1969-12-31 23:59:59.999"},
		{value.TimestampOf(0), timestampFamily, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), `column c of t holds "10000-01-01 00:00:00.000000", which is no TIMESTAMP(0): it is out of range`},
		{value.TimestampLTZOf(3), timestampFamily, at, "2024-01-02 03:04:05.123"},
		{value.StringType, textFamily, []byte("grüße"), "grüße"},
		{value.StringType, timestampFamily, at, "2024-01-02 03:04:05.123456"},
		{value.BytesType, bytesFamily, []byte{}, "x''"},
		{value.ArrayOf(value.IntType), listFamily, "{1,NULL,-3}", "[1, NULL, -3]"},
		{value.ArrayOf(value.StringType), listFamily, `{a,"b \"\\,","NULL",null,""}`, `[a, b "\,, NULL, NULL, ]`},
		{value.ArrayOf(value.BooleanType), listFamily, "[0:1]={t,f}", "[TRUE, FALSE]"},
		{value.ArrayOf(value.BytesType), listFamily, `{"\\x0aff"}`, "[x'0aff']"},
		{value.ArrayOf(value.TimestampLTZOf(3)), listFamily, `{"2024-01-02 03:04:05.5+00"}`, "[2024-01-02 03:04:05.500]"},
		{value.ArrayOf(value.IntType), listFamily, "{}", "[]"},
		{value.ArrayOf(value.IntType), listFamily, "{{1},{2}}", `column c of t holds "{{1},{2}}", which is no ARRAY<INT>: it has several dimensions`},
		{value.ArrayOf(value.StringType), listFamily, `{"a`, `column c of t holds "{\"a", which is no ARRAY<STRING>: it cannot be read`},
		{value.StringType, textFamily, nil, "NULL"},
	} {
		if got := readAs(c.of, c.from, c.source); got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.of, c.source, got, c.want)
		}
	}
}

func TestZeroDatesAreNullWhenTheURLSaysSo(t *testing.T) {
	c := newCells(&table{nullsZeroDates: true}, []column{{name: "c", of: value.TimestampOf(3), family: timestampFamily}})
	columns := c.begin()
	if err := c[0].Scan([]byte("0000-00-00 00:00:00")); err != nil || !columns[0].IsNull(0) {
		t.Errorf("%v, %s", err, columns[0].Value(0))
	}
}

// TestListsAreReadAsTheyWereSpelled goes there and back.
func TestListsAreReadAsTheyWereSpelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := batch.NewColumn(value.ArrayOf(value.StringType), 1)
		var items []value.Value
		for _, text := range rapid.SliceOf(rapid.Ptr(rapid.String(), true)).Draw(t, "items") {
			if text == nil {
				items = append(items, value.NullOf(value.StringType))
			} else {
				items = append(items, value.Value{Type: value.StringType, Text: *text})
			}
		}
		from.AppendValue(value.Value{Type: from.Type, Items: items})
		text, _ := postgresDialect{}.list(from, 0)
		to := batch.NewColumn(from.Type, 1)
		to.Resize(1)
		if err := setList(to, 0, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(from.Value(0).String(), to.Value(0).String()); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(`{1,NULL,"a\"b"}`)
	f.Add(`[1:2]={t,f}`)
	f.Fuzz(func(t *testing.T, text string) {
		c := batch.NewColumn(value.ArrayOf(value.StringType), 1)
		c.Resize(1)
		if setList(c, 0, text) == nil && int(c.Spans[0].Length) != c.Children[0].Len() {
			t.Errorf("%q gave %d elements of %d", text, c.Spans[0].Length, c.Children[0].Len())
		}
	})
}

// FuzzURL: what is read as a URL can be opened, and never panics.
func FuzzURL(f *testing.F) {
	f.Add("jdbc:mysql://me:secret@h:1/d?useSSL=false")
	f.Add("jdbc:postgresql://a,b/d?password=secret")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseURL(text)
		if err != nil {
			return
		}
		if pool, err := s.dialect.open(s, time.Second); err == nil {
			_ = pool.Close() // nothing was connected
		}
	})
}

// TestConditionsAreNeverTooNarrow: what the database would leave out does not pass
// either when its digits were cut or rounded to the declared type.
func TestConditionsAreNeverTooNarrow(t *testing.T) {
	holds := func(c connect.Comparison, than int) bool {
		switch c {
		case connect.Equals:
			return than == 0
		case connect.Less:
			return than < 0
		case connect.LessOrEqual:
			return than <= 0
		case connect.Greater:
			return than > 0
		}
		return than >= 0
	}
	comparisons := []connect.Comparison{connect.Equals, connect.Less, connect.LessOrEqual, connect.Greater, connect.GreaterOrEqual}
	rapid.Check(t, func(t *rapid.T) {
		c := column{of: value.TimestampOf(rapid.IntRange(0, 6).Draw(t, "digits")), family: timestampFamily}
		there := rapid.Int64Range(1_700_000_000_000_000, 1_700_000_003_000_000).Draw(t, "there")
		read := value.InstantOfMicros(there).Truncate(c.of.Precision).Value(c.of)
		with := value.InstantOfMicros(rapid.Int64Range(1_700_000_000_000_000, 1_700_000_003_000_000).Draw(t, "with")).Truncate(c.of.Precision).Value(c.of)
		given := connect.Condition{Comparison: rapid.SampledFrom(comparisons).Draw(t, "comparison"), Value: with}
		asked, ok := c.askable(given)
		passes := holds(given.Comparison, value.Compare(read, with))
		if ok && passes && !holds(asked.Comparison, value.Compare(value.Value{Type: c.of, Int: there}, asked.Value)) {
			t.Fatalf("%d is read as %s, which is %s %s, but is not asked for by %s %s", there, read, given.Comparison, with, asked.Comparison, asked.Value)
		}
	})
}

// TestConditionsThatAreNotAskedFor would mean something else in the database.
func TestConditionsThatAreNotAskedFor(t *testing.T) {
	text, number := value.OfString("a"), value.OfDouble(1)
	late := value.Value{Type: value.DateType, Int: value.DaysOfDate(9999, 12, 31)}
	for name, c := range map[string]struct {
		column column
		given  connect.Condition
	}{
		"the order of texts":         {column{of: value.StringType, family: textFamily}, connect.Condition{Comparison: connect.Less, Value: text}},
		"a text that is no text":     {column{of: value.StringType, family: otherFamily}, connect.Condition{Comparison: connect.Equals, Value: text}},
		"a number that is not exact": {column{of: value.DoubleType, family: floatFamily}, connect.Condition{Comparison: connect.Less, Value: number}},
		"a day at the end of time":   {column{of: value.DateType, family: dateFamily}, connect.Condition{Comparison: connect.Less, Value: late}},
	} {
		if _, ok := c.column.askable(c.given); ok {
			t.Errorf("%s is asked for", name)
		}
	}
}
