package sites

import (
	"encoding/binary"
	"slices"
)

// known is the hashes of the ids of events that have become rows, of all splits.
type known map[uint64]struct{}

// memory is the part of what is known that a split has brought, and remembers in
// its offset. It is cut into slots of the split's progress: of the greatest event
// time that there was when an event became a row, so that an event that came late
// is remembered as long as any other.
type memory struct {
	known known
	width int64            // of a slot, ms
	most  int              // ids
	slots map[int64][]byte // hashes of 8 bytes, big endian
	least int64            // the first slot that is whole: of those before, only pinned ones are there
}

func newMemory(k known, width int64, most int) *memory {
	return &memory{known: k, width: width, most: most, slots: map[int64][]byte{}, least: slotOf(noTime, width)}
}

// slotOf is the slot of an event time in ms.
func slotOf(at, width int64) int64 {
	slot := at / width
	if at%width < 0 {
		slot--
	}
	return slot
}

// put remembers an event.
func (m *memory) put(slot int64, hash uint64) {
	m.slots[slot] = binary.BigEndian.AppendUint64(m.slots[slot], hash)
	m.known[hash] = struct{}{}
}

// forget drops the slots before a time, and, from the oldest on, what is too much.
// Slots that pinned tells are kept, and do not count: they are a part of what was
// remembered when a site was left.
func (m *memory) forget(before int64, pinned func(slot int64) bool) {
	m.least = max(m.least, slotOf(before, m.width))
	count := 0
	var free []int64
	for slot, ids := range m.slots {
		switch {
		case pinned(slot):
		case slot < m.least:
			m.drop(slot)
		default:
			count += len(ids) / 8
			free = append(free, slot)
		}
	}
	if count <= m.most {
		return
	}
	slices.Sort(free)
	for _, slot := range free {
		count -= len(m.slots[slot]) / 8
		m.drop(slot)
		m.least = slot + 1
		if count <= m.most {
			return
		}
	}
}

func (m *memory) drop(slot int64) {
	for ids := m.slots[slot]; len(ids) > 0; ids = ids[8:] {
		delete(m.known, binary.BigEndian.Uint64(ids))
	}
	delete(m.slots, slot)
}

// close gives everything back.
func (m *memory) close() {
	for slot := range m.slots {
		m.drop(slot)
	}
}
