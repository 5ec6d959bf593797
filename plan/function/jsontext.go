package function

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonKind is what a JSON value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonFalse
	jsonTrue
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonValue is a parsed JSON value. Objects keep their members in the order of
// the names, which is the order that they are written in.
type jsonValue struct {
	kind    jsonKind
	text    string // of numbers as they are to be printed, and of strings
	items   []*jsonValue
	members []jsonMember
}

type jsonMember struct {
	name  string
	value *jsonValue
}

// scalar reports what is neither object nor array; null is one.
func (v *jsonValue) scalar() bool { return v.kind < jsonArray }

// member is the value of a name, nil when there is none.
func (v *jsonValue) member(name string) *jsonValue {
	at, found := slices.BinarySearchFunc(v.members, name, func(m jsonMember, name string) int { return strings.Compare(m.name, name) })
	if !found {
		return nil
	}
	return v.members[at].value
}

// Limits of documents: how deep arrays and objects may be nested, and how many
// digits the exponent of a number may have.
const (
	jsonDepthMax    = 1000
	jsonExponentMax = 9
)

// jsonParser reads one JSON value by the rules of Flink: exactly JSON, except
// that what comes after the value does not matter. Only a number must not run
// into something else.
type jsonParser struct {
	in    []byte
	at    int
	depth int

	// number gives the text that a number is printed as; canonicalNumber, or
	// another way.
	number func(text string) string
	// duplicates tells whether an object may have a name twice: the last one
	// stays then.
	duplicates bool
}

var errJSON = errors.New("not JSON")

// parseJSON parses a document.
func parseJSON(text []byte) (*jsonValue, error) {
	p := jsonParser{in: text, number: canonicalNumber, duplicates: true}
	return p.document()
}

func (p *jsonParser) document() (*jsonValue, error) {
	v, err := p.value()
	if err != nil || !p.separate(v.kind) {
		return nil, errJSON
	}
	return v, nil
}

// separate reports whether a document of a kind ends where the parser stands: a
// number must not run into anything, a word not into letters.
func (p *jsonParser) separate(kind jsonKind) bool {
	if p.at == len(p.in) {
		return true
	}
	switch kind {
	case jsonNumber:
		return isJSONBlank(p.in[p.at])
	case jsonNull, jsonTrue, jsonFalse:
		r, _ := utf8.DecodeRune(p.in[p.at:])
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$'
	}
	return true
}

func isJSONBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func (p *jsonParser) blanks() {
	for p.at < len(p.in) && isJSONBlank(p.in[p.at]) {
		p.at++
	}
}

// accept skips blanks and then b, if it is there.
func (p *jsonParser) accept(b byte) bool {
	p.blanks()
	if p.at < len(p.in) && p.in[p.at] == b {
		p.at++
		return true
	}
	return false
}

func (p *jsonParser) value() (*jsonValue, error) {
	p.blanks()
	if p.at == len(p.in) {
		return nil, errJSON
	}
	switch b := p.in[p.at]; {
	case b == '{':
		return p.nested(p.object)
	case b == '[':
		return p.nested(p.array)
	case b == '"':
		text, err := p.string()
		return &jsonValue{kind: jsonString, text: text}, err
	case b == '-' || b >= '0' && b <= '9':
		return p.numeral()
	}
	kind, err := p.word()
	return &jsonValue{kind: kind}, err
}

// word reads true, false or null.
func (p *jsonParser) word() (jsonKind, error) {
	rest := p.in[p.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		p.at += len("true")
		return jsonTrue, nil
	case bytes.HasPrefix(rest, []byte("false")):
		p.at += len("false")
		return jsonFalse, nil
	case bytes.HasPrefix(rest, []byte("null")):
		p.at += len("null")
		return jsonNull, nil
	}
	return jsonNull, errJSON
}

func (p *jsonParser) nested(read func() (*jsonValue, error)) (*jsonValue, error) {
	if p.depth++; p.depth > jsonDepthMax {
		return nil, errJSON
	}
	defer func() { p.depth-- }()
	p.at++
	return read()
}

func (p *jsonParser) array() (*jsonValue, error) {
	v := &jsonValue{kind: jsonArray}
	if p.accept(']') {
		return v, nil
	}
	for {
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
		if p.accept(']') {
			return v, nil
		}
		if !p.accept(',') {
			return nil, errJSON
		}
	}
}

func (p *jsonParser) object() (*jsonValue, error) {
	v := &jsonValue{kind: jsonObject}
	if p.accept('}') {
		return v, nil
	}
	for {
		p.blanks()
		if p.at == len(p.in) || p.in[p.at] != '"' {
			return nil, errJSON
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if !p.accept(':') {
			return nil, errJSON
		}
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, jsonMember{name, item})
		if p.accept('}') {
			return v, p.order(v)
		}
		if !p.accept(',') {
			return nil, errJSON
		}
	}
}

// order sorts the members of an object and removes all but the last of equal
// names.
func (p *jsonParser) order(v *jsonValue) error {
	slices.SortStableFunc(v.members, func(a, b jsonMember) int { return strings.Compare(a.name, b.name) })
	kept := v.members[:0]
	for i, m := range v.members {
		if i+1 < len(v.members) && v.members[i+1].name == m.name {
			if !p.duplicates {
				return errJSON
			}
			continue
		}
		kept = append(kept, m)
	}
	v.members = kept
	return nil
}

// string reads a string at its quote.
func (p *jsonParser) string() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.in) {
		switch b := p.in[p.at]; {
		case b == '"':
			text := string(p.in[start:p.at])
			p.at++
			return text, nil
		case b == '\\':
			return p.escapedString(start)
		case b < ' ':
			return "", errJSON
		}
		p.at++
	}
	return "", errJSON
}

// escapedString goes on reading a string from its first escape.
func (p *jsonParser) escapedString(start int) (string, error) {
	text := append([]byte(nil), p.in[start:p.at]...)
	for p.at < len(p.in) {
		b := p.in[p.at]
		p.at++
		switch {
		case b == '"':
			return string(text), nil
		case b < ' ':
			return "", errJSON
		case b != '\\':
			text = append(text, b)
			continue
		}
		if p.at == len(p.in) {
			return "", errJSON
		}
		b = p.in[p.at]
		p.at++
		if b == 'u' {
			r, err := p.unicodeEscape()
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, r)
			continue
		}
		plain := strings.IndexByte(`"\/bfnrt`, b)
		if plain < 0 {
			return "", errJSON
		}
		text = append(text, "\"\\/\b\f\n\r\t"[plain])
	}
	return "", errJSON
}

// unicodeEscape reads the digits of \uXXXX, and of a second one that completes
// a pair of surrogates.
func (p *jsonParser) unicodeEscape() (rune, error) {
	first, err := p.fourDigits()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	if p.at+6 <= len(p.in) && p.in[p.at] == '\\' && p.in[p.at+1] == 'u' {
		saved := p.at
		p.at += 2
		second, err := p.fourDigits()
		if pair := utf16.DecodeRune(first, second); err == nil && pair != utf8.RuneError {
			return pair, nil
		}
		p.at = saved
	}
	return half, nil
}

func (p *jsonParser) fourDigits() (rune, error) {
	if p.at+4 > len(p.in) {
		return 0, errJSON
	}
	code, err := strconv.ParseUint(string(p.in[p.at:p.at+4]), 16, 16)
	p.at += 4
	if err != nil {
		return 0, errJSON
	}
	return rune(code), nil
}

// numeral reads a number.
func (p *jsonParser) numeral() (*jsonValue, error) {
	start := p.at
	if err := p.skipNumber(); err != nil {
		return nil, err
	}
	return &jsonValue{kind: jsonNumber, text: p.number(string(p.in[start:p.at]))}, nil
}

func (p *jsonParser) skipNumber() error {
	if p.in[p.at] == '-' {
		p.at++
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.in[p.at-whole] == '0' {
		return errJSON
	}
	if p.at < len(p.in) && p.in[p.at] == '.' {
		p.at++
		if p.digits() == 0 {
			return errJSON
		}
	}
	if p.at < len(p.in) && (p.in[p.at] == 'e' || p.in[p.at] == 'E') {
		p.at++
		if p.at < len(p.in) && (p.in[p.at] == '+' || p.in[p.at] == '-') {
			p.at++
		}
		n := p.digits()
		exponent := bytes.TrimLeft(p.in[p.at-n:p.at], "0")
		if n == 0 || len(exponent) > jsonExponentMax {
			return errJSON
		}
	}
	return nil
}

func (p *jsonParser) digits() int {
	start := p.at
	for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// canonicalNumber prints a JSON number as Flink does: whole numbers as they
// are, others as Java's BigDecimal prints them, with the digits kept and an
// exponent only where it must be: 1.50, 0.001, 1E+5, 1.5E-7.
func canonicalNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ := strconv.Atoi(exponentText) // at most jsonExponentMax digits, or none
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		digits, sign = "0", ""
	}
	return sign + bigDecimal(digits, len(fraction)-exponent)
}

// bigDecimal prints digits · 10^-scale.
func bigDecimal(digits string, scale int) string {
	adjusted := len(digits) - 1 - scale
	switch {
	case scale == 0:
		return digits
	case scale > 0 && adjusted >= -6:
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		return digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	text := digits[:1]
	if len(digits) > 1 {
		text += "." + digits[1:]
	}
	if adjusted > 0 {
		return text + "E+" + strconv.Itoa(adjusted)
	}
	if adjusted == 0 {
		return text
	}
	return text + "E" + strconv.Itoa(adjusted)
}

// appendJSON prints a value without blanks, members in order of their names.
func appendJSON(dst []byte, v *jsonValue) []byte {
	switch v.kind {
	case jsonNull:
		return append(dst, "null"...)
	case jsonFalse:
		return append(dst, "false"...)
	case jsonTrue:
		return append(dst, "true"...)
	case jsonNumber:
		return append(dst, v.text...)
	case jsonString:
		return appendJSONString(dst, v.text)
	case jsonArray:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, item)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, m := range v.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, m.name), ':')
		dst = appendJSON(dst, m.value)
	}
	return append(dst, '}')
}

// appendJSONString prints a string with the escapes that JSON demands.
func appendJSONString[S ~string | ~[]byte](dst []byte, text S) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(text) {
		b := text[i]
		switch short := strings.IndexByte("\"\\\b\f\n\r\t", b); {
		case short >= 0:
			dst = append(dst, '\\', `"\bfnrt`[short])
		case b < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}
