package parse

import (
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
)

// Substitution is a text whose variables have been replaced.
type Substitution struct {
	Text  string
	edits []edit
}

// edit is one replacement: from where to where in each of the two texts.
type edit struct {
	original, changed       problem.Position
	originalEnd, changedEnd problem.Position
}

// Substitute replaces every ${NAME} in text by its value, within quotes too,
// but not in comments. A name without a value stays as it is and gives a
// warning.
func Substitute(file, text string, variables map[string]string) (Substitution, problem.List) {
	s := Substitution{}
	var out strings.Builder
	var warnings problem.List
	original := problem.Position{File: file, Line: 1, Column: 1}
	changed := original
	copyOver := func(part string) {
		out.WriteString(part)
		original, changed = moved(original, part), moved(changed, part)
	}
	names := make([]string, 0, len(variables))
	for name := range variables {
		names = append(names, name)
	}
	quote := byte(0) // the quote that is open, 0 outside
	for text != "" {
		n := strings.IndexAny(text, "$-/'\"`")
		if n < 0 {
			n = len(text)
		}
		if quote == 0 && n < len(text) {
			n += commentLength(text[n:])
		}
		if n > 0 {
			copyOver(text[:n])
			text = text[n:]
			continue
		}
		switch c := text[0]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"' || c == '`'):
			quote = c
		}
		name, length := variableAt(text)
		if length == 0 {
			copyOver(text[:1])
			text = text[1:]
			continue
		}
		value, ok := variables[name]
		if !ok {
			warning := problem.New(problem.NotFound, "the variable %s has no value", name).At(original).About(name)
			if near := problem.Nearest(name, names); near != "" {
				warning.WithHint("did you mean %s?", near)
			} else {
				warning.WithHint("give it one: --var %s=VALUE", name)
			}
			warnings = append(warnings, warning)
			copyOver(text[:length])
		} else {
			out.WriteString(value)
			s.record(&original, &changed, text[:length], value)
		}
		text = text[length:]
	}
	s.Text = out.String()
	return s, warnings
}

// record notes that part became value, and goes on behind both.
func (s *Substitution) record(original, changed *problem.Position, part, value string) {
	e := edit{original: *original, changed: *changed, originalEnd: moved(*original, part), changedEnd: moved(*changed, value)}
	*original, *changed = e.originalEnd, e.changedEnd
	if part != value {
		s.edits = append(s.edits, e)
	}
}

// Original gives the place in the text before substitution that became the
// given place; within a replaced value it is where the variable stood.
func (s Substitution) Original(at problem.Position) problem.Position {
	for i := len(s.edits) - 1; i >= 0; i-- {
		e := s.edits[i]
		if before(at, e.changed) {
			continue
		}
		if before(at, e.changedEnd) {
			return e.original
		}
		if at.Line == e.changedEnd.Line {
			at.Column += e.originalEnd.Column - e.changedEnd.Column
		}
		at.Line += e.originalEnd.Line - e.changedEnd.Line
		return at
	}
	return at
}

func before(a, b problem.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

// moved is the position behind part when part starts at pos.
func moved(pos problem.Position, part string) problem.Position {
	if n := strings.Count(part, "\n"); n > 0 {
		pos.Line += n
		pos.Column = 1
		part = part[strings.LastIndexByte(part, '\n')+1:]
	}
	pos.Column += utf8.RuneCountInString(part)
	return pos
}

// variableAt reads ${NAME} at the start of text; length is 0 when there is none.
func variableAt(text string) (name string, length int) {
	if !strings.HasPrefix(text, "${") {
		return "", 0
	}
	for i, r := range text[2:] {
		switch {
		case r == '}' && i > 0:
			return text[2 : 2+i], i + 3
		case r != '_' && r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z'):
			return "", 0
		}
	}
	return "", 0
}

// commentLength gives the length of the comment at the start of text, 0 when
// there is none.
func commentLength(text string) int {
	var end int
	switch {
	case strings.HasPrefix(text, "--"):
		end = strings.IndexByte(text, '\n')
	case strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "/*+"):
		if end = strings.Index(text[2:], "*/"); end >= 0 {
			end += 4
		}
	default:
		return 0
	}
	if end < 0 {
		return len(text)
	}
	return end
}
