package jdbc

import (
	"encoding/hex"
	"fmt"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// setList reads an array as PostgreSQL spells it: {1,NULL,"a \"b\""}.
func setList(to *batch.Column, n int, source any) error {
	text := textFrom(source)
	if at := strings.IndexByte(text, '='); at >= 0 && strings.HasPrefix(text, "[") {
		text = text[at+1:] // after bounds that do not begin with 1: [0:1]={…}
	}
	elements := to.Children[0]
	to.Spans[n] = batch.View{Offset: uint32(elements.Len())}
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return errUnreadable
	}
	for rest := text[1 : len(text)-1]; rest != ""; {
		element, isQuoted, after, ok := nextElement(rest)
		if !ok {
			return errUnreadable
		}
		to.Spans[n].Length++
		rest = after
		if !isQuoted && strings.EqualFold(element, "NULL") {
			elements.AppendNull()
			continue
		}
		if !isQuoted && strings.HasPrefix(element, "{") {
			return fmt.Errorf("it has several dimensions")
		}
		if err := setElement(elements, element); err != nil {
			return err
		}
	}
	return nil
}

func setElement(elements *batch.Column, text string) error {
	n := elements.Len()
	elements.Resize(n + 1)
	if elements.Type.IsBytes() {
		raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		if err != nil {
			return err
		}
		elements.SetBytes(n, raw)
		return nil
	}
	if elements.Type.Kind == value.Boolean {
		elements.Bools[n] = text == "t"
		return nil
	}
	return set(elements, n, text)
}

// nextElement takes an element from the front of the text between the braces.
func nextElement(text string) (element string, isQuoted bool, rest string, ok bool) {
	if text[0] != '"' {
		element, rest, _ = strings.Cut(text, ",")
		return element, false, rest, element != ""
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
			if i == len(text) {
				return "", true, "", false
			}
			b.WriteByte(text[i])
		case '"':
			rest = text[i+1:]
			if rest != "" && rest[0] != ',' {
				return "", true, "", false
			}
			return b.String(), true, strings.TrimPrefix(rest, ","), true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", true, "", false
}

// list spells row i of an array.
func (d postgresDialect) list(c *batch.Column, i int) (any, bool) {
	var b strings.Builder
	span, elements := c.Spans[i], c.Children[0]
	b.WriteByte('{')
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		if e > int(span.Offset) {
			b.WriteByte(',')
		}
		if elements.IsNull(e) {
			b.WriteString("NULL")
			continue
		}
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(d.text(elements, e)))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), true
}
