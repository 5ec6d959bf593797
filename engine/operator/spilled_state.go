package operator

import (
	"encoding/binary"
	"errors"
)

var errSpilledState = errors.New("the spilled state of a key is damaged")

// spilledState cuts up what an operator wrote of a key; past its end it reads
// zeros and says so.
type spilledState struct {
	rest  []byte
	short bool
}

// sized takes what appendSized wrote.
func (s *spilledState) sized() []byte {
	n, used := binary.Uvarint(s.rest)
	if used <= 0 || n > uint64(len(s.rest)-used) {
		s.rest, s.short = nil, true
		return nil
	}
	taken := s.rest[used : used+int(n)]
	s.rest = s.rest[used+int(n):]
	return taken
}

// number takes a varint.
func (s *spilledState) number() int64 {
	n, used := binary.Varint(s.rest)
	if used <= 0 {
		s.rest, s.short = nil, true
		return 0
	}
	s.rest = s.rest[used:]
	return n
}

// appendSized appends the length of some bytes, and the bytes.
func appendSized(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}
