package httpapi

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"tidemark/base/problem"
	"tidemark/base/value"
)

// Param is a value for a ? of a question. A JSON value has the type that the
// same literal has in SQL: 1 is an INT, 3000000000 a BIGINT, 1.50 a
// DECIMAL(3, 2), 1e3 a DOUBLE, "x" a STRING. What JSON cannot say is said by a
// cast around the ?: CAST(? AS TIMESTAMP_LTZ(3)).
type Param value.Value

// UnmarshalJSON reads a scalar.
func (p *Param) UnmarshalJSON(text []byte) error {
	text = bytes.TrimSpace(text)
	switch text[0] {
	case 'n':
		*p = Param(value.NullOf(value.NullType))
	case 't', 'f':
		*p = Param(value.OfBool(text[0] == 't'))
	case '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		*p = Param(value.OfString(s))
	case '[', '{':
		return problem.New(problem.Unsupported, "a param cannot be an array or an object").About("params").WithHint("pass its parts one by one")
	default:
		v, err := numberParam(string(text))
		*p = Param(v)
		return err
	}
	return nil
}

// Schema describes a param for OpenAPI.
func (Param) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "A string, number, boolean or null"}
}

// numberParam reads a JSON number as SQL reads the literal.
func numberParam(text string) (value.Value, error) {
	if strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return value.Value{}, tooLong(text)
		}
		return value.OfDouble(f), nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		if int64(int32(i)) == i {
			return value.OfInt(int32(i)), nil
		}
		return value.OfBigInt(i), nil
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	precision := max(len(strings.TrimPrefix(whole, "0"))+len(fraction), 1)
	if precision > value.MaxDecimalPrecision {
		return value.Value{}, tooLong(text)
	}
	t := value.DecimalOf(precision, len(fraction)).Required()
	wide, fits, bad := value.ParseDecimal(text, t)
	if bad || !fits {
		return value.Value{}, tooLong(text)
	}
	return value.Value{Type: t, Wide: wide}, nil
}

func tooLong(text string) error {
	return problem.New(problem.InvalidValue, "the number %s cannot be held exactly", text).About("params").WithHint("pass it as a string and cast it")
}
