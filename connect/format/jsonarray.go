package format

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
)

// SplitArray appends the elements of the JSON array that record is to elements.
// What follows the array is not looked at.
func SplitArray(elements []batch.View, block []byte, record batch.View) ([]batch.View, error) {
	b := block[:record.Offset+record.Length]
	i := skipBlanks(b, int(record.Offset))
	notArray := func(at int) error {
		return problem.New(problem.Syntax, "not a JSON array at character %d", at-int(record.Offset)+1)
	}
	if i == len(b) || b[i] != '[' {
		return elements, notArray(i)
	}
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == ']' {
		return elements, nil
	}
	for {
		_, next, bad := scanValue(b, i, 1)
		if next < 0 {
			return elements, notArray(bad)
		}
		elements = append(elements, batch.View{Offset: uint32(i), Length: uint32(next - i)})
		i = skipBlanks(b, next)
		switch {
		case i < len(b) && b[i] == ']':
			return elements, nil
		case i == len(b) || b[i] != ',':
			return elements, notArray(i)
		}
		i = skipBlanks(b, i+1)
	}
}

// IsArray reports whether a record is a JSON array rather than an object.
func IsArray(block []byte, record batch.View) bool {
	b := block[:record.Offset+record.Length]
	i := skipBlanks(b, int(record.Offset))
	return i < len(b) && b[i] == '['
}
