package function

import (
	"bytes"
	"strings"
)

// Most paths lead to one place. There the document is only scanned, and nothing
// but the value at that place is built.

// locateValue is walkDocument for a definite path.
func (p *jsonPath) locateValue(document []byte) (*jsonValue, error) {
	text, err := p.locate(document)
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, p.nothing()
	}
	v, err := parseJSON(text)
	if err != nil || v.kind == jsonNull {
		return nil, p.nothing()
	}
	return v, nil
}

// locate finds the text of the value that a definite path leads to; nil when
// there is none. The whole document must be JSON.
func (p *jsonPath) locate(document []byte) ([]byte, error) {
	s := jsonParser{in: document}
	s.blanks()
	start := s.at
	kind, err := s.skip()
	if err != nil || !s.separate(kind) {
		return nil, errJSON
	}
	if kind == jsonNull {
		return nil, errNoValue // also in lax mode
	}
	text := s.in[start:s.at]
	for i := range p.steps {
		if text = locateStep(text, &p.steps[i]); text == nil {
			return nil, nil
		}
	}
	return text, nil
}

// locateStep finds where a step leads from a value; text is known to be JSON.
func locateStep(text []byte, step *pathStep) []byte {
	s := jsonParser{in: text}
	switch {
	case step.kind == stepNames && text[0] == '{':
		return s.locateMember(step.names[0])
	case step.kind == stepIndexes && text[0] == '[':
		index := step.indexes[0]
		if index < 0 {
			counter := s
			_, n := counter.locateItem(-1)
			index += n
		}
		if index < 0 {
			return nil
		}
		item, _ := s.locateItem(index)
		return item
	}
	return nil
}

// locateMember finds the last member of a name in the object that starts here,
// which is known to be one.
func (p *jsonParser) locateMember(name string) (found []byte) {
	p.at++
	for !p.accept('}') {
		p.accept(',')
		p.blanks()
		start := p.at
		_ = p.skipString()
		matches := sameName(p.in[start:p.at], name)
		p.accept(':')
		p.blanks()
		start = p.at
		_, _ = p.skip()
		if matches {
			found = p.in[start:p.at]
		}
	}
	return found
}

// sameName compares the text of a JSON string, with its quotes, with a name.
func sameName(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == name
	}
	p := jsonParser{in: quoted}
	text, err := p.string()
	return err == nil && text == name
}

// locateItem finds an item of the array that starts here, which is known to be
// one, and counts those it has passed.
func (p *jsonParser) locateItem(index int) (found []byte, passed int) {
	p.at++
	for ; !p.accept(']'); passed++ {
		p.accept(',')
		p.blanks()
		start := p.at
		_, _ = p.skip()
		if passed == index {
			return p.in[start:p.at], passed
		}
	}
	return nil, passed
}

// skip passes over a value and checks it.
func (p *jsonParser) skip() (jsonKind, error) {
	p.blanks()
	if p.at == len(p.in) {
		return jsonNull, errJSON
	}
	switch b := p.in[p.at]; {
	case b == '{':
		return jsonObject, p.skipItems('}', true)
	case b == '[':
		return jsonArray, p.skipItems(']', false)
	case b == '"':
		return jsonString, p.skipString()
	case b == '-' || b >= '0' && b <= '9':
		return jsonNumber, p.skipNumber()
	}
	return p.word()
}

// skipItems passes over an array or, with names, an object.
func (p *jsonParser) skipItems(end byte, names bool) error {
	if p.depth++; p.depth > jsonDepthMax {
		return errJSON
	}
	defer func() { p.depth-- }()
	p.at++
	if p.accept(end) {
		return nil
	}
	for {
		if names {
			p.blanks()
			if p.at == len(p.in) || p.in[p.at] != '"' {
				return errJSON
			}
			if err := p.skipString(); err != nil {
				return err
			}
			if !p.accept(':') {
				return errJSON
			}
		}
		if _, err := p.skip(); err != nil {
			return err
		}
		if p.accept(end) {
			return nil
		}
		if !p.accept(',') {
			return errJSON
		}
	}
}

// skipString passes over a string at its quote.
func (p *jsonParser) skipString() error {
	for p.at++; p.at < len(p.in); p.at++ {
		switch b := p.in[p.at]; {
		case b == '"':
			p.at++
			return nil
		case b < ' ':
			return errJSON
		case b != '\\':
			continue
		}
		if p.at++; p.at == len(p.in) {
			return errJSON
		}
		if p.in[p.at] != 'u' {
			if strings.IndexByte(`"\/bfnrt`, p.in[p.at]) < 0 {
				return errJSON
			}
			continue
		}
		p.at++
		if _, err := p.fourDigits(); err != nil {
			return err
		}
		p.at--
	}
	return errJSON
}
