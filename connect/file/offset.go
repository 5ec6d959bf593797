package file

import (
	"encoding/binary"
	"errors"

	"tidemark/connect"
)

// offsetVersion is the first byte of every offset.
const offsetVersion = 1

var errBadOffset = errors.New("the stored offset is damaged or of another version")

// place is what an Offset says:
//
//	1 byte    offsetVersion
//	uvarint   position  unpacked bytes before the next record
//	uvarint   line      line feeds among them, to tell the user where an error is
//	uvarint   elements  of the next record, when it is a JSON array, already read
type place struct{ position, line, elements int64 }

func (p place) offset() connect.Offset {
	o := connect.Offset{offsetVersion}
	o = binary.AppendUvarint(o, uint64(p.position))
	o = binary.AppendUvarint(o, uint64(p.line))
	return binary.AppendUvarint(o, uint64(p.elements))
}

// parseOffset reads an Offset; nil is the beginning.
func parseOffset(o connect.Offset) (place, error) {
	if o == nil {
		return place{}, nil
	}
	if len(o) == 0 || o[0] != offsetVersion {
		return place{}, errBadOffset
	}
	rest := o[1:]
	var numbers [3]int64
	for i := range numbers {
		n, length := binary.Uvarint(rest)
		if length <= 0 || int64(n) < 0 {
			return place{}, errBadOffset
		}
		numbers[i], rest = int64(n), rest[length:]
	}
	if len(rest) > 0 {
		return place{}, errBadOffset
	}
	return place{numbers[0], numbers[1], numbers[2]}, nil
}
