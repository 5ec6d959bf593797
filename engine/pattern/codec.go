package pattern

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The stored form of a run, all numbers as uvarints:
//
//	nodes      count, then for each: number of its row, part, place of the node
//	           before it in this list + 1 (0 for none); that one stands earlier
//	open       count, then for each beginning: state, place of its last node + 1,
//	           and, where it has started, the number of its first row and its time
//	           (a zigzag varint)
//	complete   likewise
//
// Beginnings stand in the order of their queues, which is part of what is kept.

// Encode appends the stored form of a run.
func (m *Machine) Encode(to []byte, r *Run) []byte {
	places := map[Node]uint64{}
	var nodes []byte
	var path []Node
	for _, q := range []queue{r.open, r.complete} {
		for _, b := range q {
			path = path[:0]
			for n := b.last; n != None && places[n] == 0; n = m.nodes[n].prev {
				path = append(path, n)
			}
			for i := len(path) - 1; i >= 0; i-- {
				n := m.nodes[path[i]]
				nodes = binary.AppendUvarint(nodes, m.host.Number(n.slot))
				nodes = binary.AppendUvarint(nodes, uint64(n.part))
				nodes = binary.AppendUvarint(nodes, places[n.prev])
				places[path[i]] = uint64(len(places) + 1)
			}
		}
	}
	to = binary.AppendUvarint(to, uint64(len(places)))
	to = append(to, nodes...)
	for _, q := range []queue{r.open, r.complete} {
		to = binary.AppendUvarint(to, uint64(len(q)))
		for _, b := range q {
			to = binary.AppendUvarint(to, uint64(b.state))
			to = binary.AppendUvarint(to, places[b.last])
			if b.started() {
				to = binary.AppendUvarint(to, b.first)
				to = binary.AppendVarint(to, b.time)
			}
		}
	}
	return to
}

var errDamaged = errors.New("stored run of a pattern is damaged")

// decoder reads numbers until one is missing.
type decoder struct {
	from    []byte
	damaged bool
}

func (d *decoder) uint(below uint64) uint64 {
	n, used := binary.Uvarint(d.from)
	if used <= 0 || n >= below {
		d.damaged = true
		return 0
	}
	d.from = d.from[used:]
	return n
}

func (d *decoder) int() int64 {
	n, used := binary.Varint(d.from)
	if used <= 0 {
		d.damaged = true
		return 0
	}
	d.from = d.from[used:]
	return n
}

// Decode reads a run; slot gives the slot of the row with a number.
func (m *Machine) Decode(from []byte, slot func(number uint64) (uint32, bool)) (*Run, error) {
	d := &decoder{from: from}
	nodes := []Node{None}
	for range d.uint(uint64(len(from))) {
		row, part, prev := d.uint(unstarted), d.uint(uint64(len(m.automaton.parts))), d.uint(uint64(len(nodes)))
		at, ok := slot(row)
		if d.damaged || !ok {
			return nil, fmt.Errorf("row %d: %w", row, errDamaged)
		}
		nodes = append(nodes, m.take(at, int(part), nodes[prev]))
	}
	r := &Run{}
	for _, q := range []*queue{&r.open, &r.complete} {
		for range d.uint(uint64(len(from))) {
			b := beginning{state: int32(d.uint(uint64(len(m.automaton.states)))), last: nodes[d.uint(uint64(len(nodes)))], first: unstarted}
			if b.last != None {
				b.first, b.time = d.uint(unstarted), d.int()
			}
			if d.damaged {
				return nil, errDamaged
			}
			m.Keep(b.last)
			*q = append(*q, b)
		}
	}
	if d.damaged || len(d.from) > 0 {
		return nil, errDamaged
	}
	return r, nil
}
