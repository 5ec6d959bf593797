package sites

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"tidemark/base/batch"
	"tidemark/connect"
)

// offsetVersion is the first byte of every offset.
const offsetVersion = 1

var errBadOffset = errors.New("the stored offset is damaged or of another version")

// noTime is the event time of a split that had no rows.
const noTime = batch.NoMark

// place is what an Offset says.
//
//	1 byte    offsetVersion
//	uvarint   length of what follows, then head as JSON
//	then, for each slot: varint number, uvarint ids, and 8 bytes for each
type place struct {
	head  head
	slots map[int64][]byte
}

// head is all but the ids.
type head struct {
	Common common
	Own    own
}

// common is what all splits agree about. Of several, that with the greatest
// version holds.
type common struct {
	Version  uint64
	Switches uint64        // how often the other site was gone to
	Active   int           // the site that is read
	Gap      *connect.Gap  `json:",omitempty"` // the open one, nil for none
	Closed   []connect.Gap `json:",omitempty"` // the last ones
}

// own is what concerns one split.
type own struct {
	Switches uint64            // that the split has followed
	Offsets  [2]connect.Offset // at both sites; nil where it never was
	Newest   int64             // greatest event time, ms
	Least    int64             // first slot that is remembered
	Joining  bool              // the rows that come may be ones that the other site gave
	Turn     turn              // the last one
	Recent   []recent          `json:",omitempty"` // of the last rows, by event time
	Gap      string            // that what follows belongs to; "" for none
	Turns    []turn            `json:",omitempty"`
	Read     connect.Digest    // of rows in the gap's interval
	Later    connect.Digest    // of rows behind its end, in case it gets longer
	Added    []uint64          `json:",omitempty"` // hashes of replayed events
	Replayed int64
	Late     int64
	Dropped  int64
}

// recent is the digest of the rows of one slot of event time.
type recent struct {
	Slot   int64
	Digest connect.Digest
}

// turn is how a split went to the other site. Everything before From had become
// rows; from there to Sure what is known tells; what is behind comes from Taken
// alone.
type turn struct {
	From, Sure int64 // ms
	Taken      int
	Lost, At   string // the positions, in words
}

func (p place) offset() connect.Offset {
	text, err := json.Marshal(p.head)
	if err != nil {
		panic(err) // numbers, texts and times of this century
	}
	size := 16 + len(text)
	for _, ids := range p.slots {
		size += len(ids) + 2*binary.MaxVarintLen64
	}
	out := append(make(connect.Offset, 0, size), offsetVersion)
	out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	numbers := make([]int64, 0, len(p.slots))
	for number := range p.slots {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		ids := p.slots[number]
		out = binary.AppendUvarint(binary.AppendVarint(out, number), uint64(len(ids)/8))
		out = append(out, ids...)
	}
	return out
}

// parseHead reads an offset without its ids.
func parseHead(o connect.Offset) (h head, rest []byte, err error) {
	if len(o) == 0 || o[0] != offsetVersion {
		return h, nil, errBadOffset
	}
	length, used := binary.Uvarint(o[1:])
	rest = o[1:]
	if used <= 0 || length > uint64(len(rest)-used) {
		return h, nil, errBadOffset
	}
	if err := json.Unmarshal(rest[used:used+int(length)], &h); err != nil {
		return h, nil, errBadOffset
	}
	if h.Common.Active != primary && h.Common.Active != standby || h.Own.Switches > h.Common.Switches {
		return h, nil, errBadOffset
	}
	for _, t := range h.Own.Turns {
		if t.Taken != primary && t.Taken != standby {
			return h, nil, errBadOffset
		}
	}
	return h, rest[used+int(length):], nil
}

// parsePlace reads an offset.
func parsePlace(o connect.Offset) (place, error) {
	h, rest, err := parseHead(o)
	p := place{head: h, slots: map[int64][]byte{}}
	for err == nil && len(rest) > 0 {
		number, used := binary.Varint(rest)
		if used <= 0 {
			return p, errBadOffset
		}
		rest = rest[used:]
		count, used := binary.Uvarint(rest)
		if used <= 0 || count == 0 || count > uint64(len(rest)-used)/8 || p.slots[number] != nil {
			return p, errBadOffset
		}
		end := used + 8*int(count)
		p.slots[number] = slices.Clone(rest[used:end])
		rest = rest[end:]
	}
	return p, err
}
