package function

import (
	"tidemark/base/batch"
	"tidemark/plan"
)

// slots is one value or none for every group, as keys in one heap of bytes.
type slots struct {
	places []place
	heap   []byte
	waste  int
}

// place is where a slot's bytes are. room is how many the slot may use without
// moving, which is 0 for an empty slot.
type place struct {
	offset       int64
	length, room uint32
	set          bool
}

// slotsWasteMin is how many unused bytes are worth a compaction.
const slotsWasteMin = 1 << 16

func (s *slots) resize(n int) { s.places = grown(s.places, n) }

func (s *slots) get(group uint32) (key []byte, set bool) {
	p := s.places[group]
	end := p.offset + int64(p.length)
	return s.heap[p.offset:end:end], p.set
}

// put copies key, which must not lie in the heap.
func (s *slots) put(group uint32, key []byte) {
	p := &s.places[group]
	if uint32(len(key)) > p.room {
		s.waste += int(p.room)
		p.room = 0
		p.length = 0
		if s.waste > slotsWasteMin && s.waste > len(s.heap)/2 {
			s.compact()
		}
		p.offset, p.room = int64(len(s.heap)), uint32(len(key))
		s.heap = append(s.heap, key...)
	}
	copy(s.heap[p.offset:], key)
	p.length, p.set = uint32(len(key)), true
}

func (s *slots) compact() {
	heap := make([]byte, 0, len(s.heap)-s.waste)
	for i := range s.places {
		p := &s.places[i]
		start := int64(len(heap))
		heap = append(heap, s.heap[p.offset:p.offset+int64(p.length)]...)
		p.offset, p.room = start, p.length
	}
	s.heap, s.waste = heap, 0
}

func (s *slots) clear(group uint32) {
	s.waste += int(s.places[group].room)
	s.places[group] = place{}
}

func (s *slots) result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		if key, set := s.get(g); !set || setKey(out, i, key) != nil {
			out.SetNull(i)
		}
	}
}

func (s *slots) encode(group uint32, to []byte) []byte {
	key, set := s.get(group)
	if !set {
		return append(to, 0)
	}
	return appendBlock(append(to, 1), key)
}

func (s *slots) decode(group uint32, from []byte) (rest []byte, err error) {
	s.clear(group)
	if len(from) == 0 {
		return nil, damaged()
	}
	if from[0] == 0 {
		return from[1:], nil
	}
	key, rest, err := readBlock(from[1:])
	if err != nil {
		return nil, err
	}
	s.put(group, key)
	return rest, nil
}

// edge is FIRST_VALUE or LAST_VALUE where nothing is taken back: the first or
// last value that is not NULL. Merging takes the groups merged into as the
// earlier ones.
type edge struct {
	last  bool
	value slots
	key   []byte
}

func (s *edge) Resize(n int) { s.value.resize(n) }

func (s *edge) Update(groups []uint32, args []*batch.Column, retract []bool) {
	appendOnly(retract)
	for i, g := range groups {
		if args[0].IsNull(i) || !s.last && s.value.places[g].set {
			continue
		}
		s.key = appendKey(s.key[:0], args[0], i)
		s.value.put(g, s.key)
	}
}

func (s *edge) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*edge)
	for i, g := range into {
		if key, set := o.value.get(from[i]); set && (s.last || !s.value.places[g].set) {
			s.value.put(g, key)
		}
	}
}

func (s *edge) Result(groups []uint32, out *batch.Column) { s.value.result(groups, out) }

func (s *edge) Encode(group uint32, to []byte) []byte { return s.value.encode(group, to) }

func (s *edge) Decode(group uint32, from []byte) ([]byte, error) {
	return s.value.decode(group, from)
}

func (s *edge) Clear(group uint32) { s.value.clear(group) }
