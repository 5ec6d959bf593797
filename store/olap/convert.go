package olap

import (
	"database/sql/driver"
	"fmt"
	"math/big"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// toDriver gives row i of a column, which is not NULL, as DuckDB takes it.
type toDriver func(c *batch.Column, i int) (driver.Value, error)

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// conversionTo picks the conversion for a type once, so that rows pay for no
// type switch of ours.
func conversionTo(t value.Type) toDriver {
	switch t.Kind {
	case value.Decimal:
		precision, scale := uint8(t.Precision), uint8(t.Scale)
		return func(c *batch.Column, i int) (driver.Value, error) {
			return duckdb.Decimal{Width: precision, Scale: scale, Value: bigOf(c.Wides[i])}, nil
		}
	case value.Date:
		return func(c *batch.Column, i int) (driver.Value, error) {
			return time.Unix(c.Ints[i]*secondsPerDay, 0).UTC(), nil
		}
	case value.Time:
		return func(c *batch.Column, i int) (driver.Value, error) {
			return time.UnixMilli(c.Ints[i]).UTC(), nil
		}
	case value.Timestamp, value.TimestampLTZ:
		if t.Precision > 6 {
			return func(c *batch.Column, i int) (driver.Value, error) { return nanoTime(c.Wides[i]) }
		}
		return func(c *batch.Column, i int) (driver.Value, error) { return time.UnixMicro(c.Ints[i]).UTC(), nil }
	}
	switch t.Class() {
	case value.Bools:
		return func(c *batch.Column, i int) (driver.Value, error) { return c.Bools[i], nil }
	case value.Ints:
		return func(c *batch.Column, i int) (driver.Value, error) { return c.Ints[i], nil }
	case value.Floats:
		return func(c *batch.Column, i int) (driver.Value, error) { return c.Floats[i], nil }
	case value.Strings:
		if t.IsBytes() {
			return func(c *batch.Column, i int) (driver.Value, error) { return c.Bytes(i), nil }
		}
		return func(c *batch.Column, i int) (driver.Value, error) { return string(c.Bytes(i)), nil }
	}
	return func(c *batch.Column, i int) (driver.Value, error) { return nested(c, i) }
}

// nested converts lists, maps and rows, whose parts may be NULL.
func nested(c *batch.Column, i int) (driver.Value, error) {
	if c.IsNull(i) {
		return nil, nil
	}
	switch c.Type.Kind {
	case value.Array:
		span := c.Spans[i]
		list := make([]any, span.Length)
		for e := range list {
			item, err := nested(c.Children[0], int(span.Offset)+e)
			if err != nil {
				return nil, err
			}
			list[e] = item
		}
		return list, nil
	case value.Map:
		span := c.Spans[i]
		var m duckdb.OrderedMap
		for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
			key, err := nested(c.Children[0], e)
			if err != nil {
				return nil, err
			}
			item, err := nested(c.Children[1], e)
			if err != nil {
				return nil, err
			}
			m.Set(key, item)
		}
		return m, nil
	case value.Row:
		fields := make(map[string]any, len(c.Children))
		for k, child := range c.Children {
			field, err := nested(child, i)
			if err != nil {
				return nil, err
			}
			fields[c.Type.Fields[k].Name] = field
		}
		return fields, nil
	}
	return conversionTo(c.Type)(c, i)
}

func bigOf(w value.Int128) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(w.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(w.Lo))
}

func wideOf(b *big.Int) value.Int128 {
	low := new(big.Int).And(b, new(big.Int).SetUint64(1<<64-1))
	return value.Int128{Hi: new(big.Int).Rsh(b, 64).Int64(), Lo: low.Uint64()}
}

// nanoTime refuses what DuckDB's TIMESTAMP_NS cannot hold.
func nanoTime(w value.Int128) (time.Time, error) {
	if n := int64(w.Lo); w.Hi == n>>63 {
		return time.Unix(0, n).UTC(), nil
	}
	return time.Time{}, problem.New(problem.InvalidValue, "a timestamp with more than 6 fraction digits is outside the years 1678 to 2261").WithHint("store it as TIMESTAMP(6)")
}

// setFromDriver stores what DuckDB answered as row i of a column of the wanted type.
func setFromDriver(c *batch.Column, i int, v any) error {
	if v == nil {
		c.SetNull(i)
		return nil
	}
	converted, err := fromDriver(v, c.Type)
	if err != nil {
		return err
	}
	c.SetValue(i, converted)
	return nil
}

// fromDriver converts one value of an answer.
func fromDriver(v any, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	if v == nil {
		return value.NullOf(t), nil
	}
	switch v := v.(type) {
	case bool:
		out.Bool = v
		return out, expect(t, value.Bools)
	case string:
		out.Text = v
		return out, expect(t, value.Strings)
	case []byte:
		out.Text = string(v)
		return out, expect(t, value.Strings)
	case float32:
		out.Float = float64(v)
		return out, expect(t, value.Floats)
	case float64:
		out.Float = v
		return out, expect(t, value.Floats)
	case time.Time:
		return fromTime(v, t)
	case duckdb.Decimal:
		return fromBig(v.Value, int(v.Scale), t)
	case *big.Int:
		return fromBig(v, 0, t)
	case duckdb.Interval:
		return fromInterval(v, t)
	case []any:
		return fromList(v, t)
	case duckdb.OrderedMap:
		return fromMap(v, t)
	case map[string]any:
		return fromRow(v, t)
	}
	n, ok := integer(v)
	if !ok {
		return out, fmt.Errorf("DuckDB answered a %T for %s", v, t)
	}
	return fromBig(big.NewInt(n), 0, t)
}

func expect(t value.Type, class value.Class) error {
	if t.Class() != class {
		return fmt.Errorf("DuckDB answered another type than %s", t)
	}
	return nil
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case uint64:
		return int64(v), v <= 1<<63-1
	}
	return 0, false
}

// fromBig converts an exact number with the given scale: DuckDB's sums and
// averages are wider than ours.
func fromBig(n *big.Int, scale int, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	switch t.Class() {
	case value.Floats:
		f := new(big.Float).SetInt(n)
		out.Float, _ = f.Quo(f, new(big.Float).SetInt(pow10(scale))).Float64()
		return out, nil
	case value.Ints:
		whole := new(big.Int).Quo(n, pow10(scale))
		if !whole.IsInt64() {
			return out, problem.New(problem.InvalidValue, "%s does not fit %s", whole, t)
		}
		out.Int = whole.Int64()
		return out, nil
	case value.Wides:
		if scale < t.Scale {
			n = new(big.Int).Mul(n, pow10(t.Scale-scale))
		} else if scale > t.Scale {
			n = roundedQuotient(n, pow10(scale-t.Scale))
		}
		out.Wide = wideOf(n)
		return out, nil
	}
	return out, fmt.Errorf("DuckDB answered a number for %s", t)
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// roundedQuotient is n/d with halves away from zero.
func roundedQuotient(n, d *big.Int) *big.Int {
	quotient, rest := new(big.Int).QuoRem(n, d, new(big.Int))
	if rest.Lsh(rest.Abs(rest), 1).Cmp(d) >= 0 {
		return quotient.Add(quotient, big.NewInt(int64(n.Sign())))
	}
	return quotient
}

func fromTime(v time.Time, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	switch t.Kind {
	case value.Date:
		seconds := v.Unix()
		out.Int = seconds / secondsPerDay
		if seconds%secondsPerDay < 0 {
			out.Int--
		}
	case value.Time:
		out.Int = int64(v.Hour()*3600+v.Minute()*60+v.Second())*1000 + int64(v.Nanosecond())/1_000_000
	case value.Timestamp, value.TimestampLTZ:
		if t.Precision > 6 {
			n := new(big.Int).Mul(big.NewInt(v.Unix()), big.NewInt(1_000_000_000))
			out.Wide = wideOf(n.Add(n, big.NewInt(int64(v.Nanosecond()))))
			return out, nil
		}
		out.Int = v.Unix()*microsPerSecond + int64(v.Nanosecond())/1000
	default:
		return out, fmt.Errorf("DuckDB answered a time for %s", t)
	}
	return out, nil
}

func fromInterval(v duckdb.Interval, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	switch t.Kind {
	case value.IntervalYearMonth:
		out.Int = int64(v.Months)
	case value.IntervalDayTime:
		out.Int = int64(v.Days)*secondsPerDay*1000 + v.Micros/1000
	default:
		return out, fmt.Errorf("DuckDB answered an interval for %s", t)
	}
	return out, nil
}

func fromList(v []any, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	if t.Kind != value.Array {
		return out, fmt.Errorf("DuckDB answered a list for %s", t)
	}
	for _, item := range v {
		converted, err := fromDriver(item, *t.Elem)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, converted)
	}
	return out, nil
}

func fromMap(v duckdb.OrderedMap, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	if t.Kind != value.Map {
		return out, fmt.Errorf("DuckDB answered a map for %s", t)
	}
	for i, k := range v.Keys() {
		item := v.Values()[i]
		key, err := fromDriver(k, *t.Key)
		if err != nil {
			return out, err
		}
		converted, err := fromDriver(item, *t.Elem)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, key, converted)
	}
	return out, nil
}

func fromRow(v map[string]any, t value.Type) (value.Value, error) {
	out := value.Value{Type: t}
	if t.Kind != value.Row {
		return out, fmt.Errorf("DuckDB answered a struct for %s", t)
	}
	for _, f := range t.Fields {
		converted, err := fromDriver(v[f.Name], f.Type)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, converted)
	}
	return out, nil
}
