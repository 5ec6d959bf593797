package kafka

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"tidemark/connect"
)

// offsetVersion is the first byte of every offset.
const offsetVersion = 1

var errBadOffset = errors.New("the stored offset is damaged or of another version")

// unbounded is the end of a partition that is read for ever.
const unbounded = math.MaxInt64

// place is what an Offset says:
//
//	1 byte    offsetVersion
//	16 bytes  id of the topic, zeros where the cluster gives none
//	uvarint   next  offset of the next record
//	uvarint   end   the first offset that is not read; unbounded for none
type place struct {
	topicID   [16]byte
	next, end int64
}

func (p place) offset() connect.Offset {
	o := append(connect.Offset{offsetVersion}, p.topicID[:]...)
	o = binary.AppendUvarint(o, uint64(p.next))
	return binary.AppendUvarint(o, uint64(p.end))
}

// parsePlace reads an Offset.
func parsePlace(o connect.Offset) (p place, err error) {
	if len(o) < 1+len(p.topicID) || o[0] != offsetVersion {
		return p, errBadOffset
	}
	copy(p.topicID[:], o[1:])
	rest := o[1+len(p.topicID):]
	for _, into := range []*int64{&p.next, &p.end} {
		n, length := binary.Uvarint(rest)
		if length <= 0 || int64(n) < 0 {
			return p, errBadOffset
		}
		*into, rest = int64(n), rest[length:]
	}
	if len(rest) > 0 {
		return p, errBadOffset
	}
	return p, nil
}

// PositionOf is the number of the next record that an offset of a partition stands
// before; ok is false for what is none.
func PositionOf(o connect.Offset) (next int64, ok bool) {
	p, err := parsePlace(o)
	return p.next, err == nil
}

// Locate says where an offset is.
func (s *source) Locate(o connect.Offset) string {
	p, err := parsePlace(o)
	if err != nil {
		return err.Error()
	}
	return "offset " + strconv.FormatInt(p.next, 10)
}
