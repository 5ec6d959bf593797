package operator

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
)

// Kinds of stored entries.
const (
	storedWaiting  = 'p'
	storedMatchRow = 'r'
	storedRun      = 'k'
)

// changedMatches is what Save has to write.
type changedMatches struct {
	slots []uint32 // rows that have come, waited or been taken
	runs  []uint32
	gone  []goneEntry
}

// goneEntry is a stored entry that is to be deleted.
type goneEntry struct {
	group engine.KeyGroup
	key   []byte
}

// row notes that a row's entry may have changed.
func (c *changedMatches) row(rows *matchRows, slot uint32) {
	if !rows.changed[slot] {
		rows.changed[slot] = true
		c.slots = append(c.slots, slot)
	}
}

func rowKey(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

// group is the key group of a partition. Without PARTITION BY everything is in
// the first task, and so in the group that this has whatever their number.
func (m *Match) group(key []byte) engine.KeyGroup {
	if len(m.node.Partition) == 0 {
		return 0
	}
	return engine.GroupOf(key)
}

// storedRow is the entry under which a row stands.
func (m *Match) storedRow(slot uint32) goneEntry {
	at := m.rows.stored[slot]
	return goneEntry{group: at.group, key: rowKey(at.kind, at.number)}
}

// Save writes rows and runs that have changed, and the watermark.
func (m *Match) Save(to engine.Changes) error {
	var val []byte
	for _, slot := range m.changed.slots {
		m.rows.changed[slot] = false
		if m.rows.uses[slot] == 0 {
			continue
		}
		key := m.table.key(m.rows.keys[slot])
		as := storedAs{kind: storedMatchRow, number: m.rows.numbers[slot], group: m.group(key)}
		if m.rows.waits[slot] {
			as.kind = storedWaiting
		}
		old := m.rows.stored[slot]
		if as == old {
			continue
		}
		if old.kind != 0 {
			m.changed.gone = append(m.changed.gone, m.storedRow(slot))
		}
		m.rows.stored[slot] = as
		val = binary.AppendVarint(val[:0], m.rows.times[slot])
		val = append(binary.AppendUvarint(val, uint64(len(key))), key...)
		val = batch.AppendKey(val, m.rows.columns, int(slot))
		to.Put(as.group, rowKey(as.kind, as.number), val)
	}
	m.changed.slots = m.changed.slots[:0]
	for _, entry := range m.changed.gone {
		to.Delete(entry.group, entry.key)
	}
	m.changed.gone = m.changed.gone[:0]
	m.saveRuns(to)
	if m.env.Worker.Has(0) && m.now != m.savedNow {
		to.Put(0, []byte{storedWatermark}, binary.BigEndian.AppendUint64(nil, uint64(m.now)))
		m.savedNow = m.now
	}
	return nil
}

// storedRun is the entry of a partition.
func (m *Match) storedRun(code uint32) goneEntry {
	key := m.table.key(code)
	return goneEntry{group: m.group(key), key: append([]byte{storedRun}, key...)}
}

func (m *Match) saveRuns(to engine.Changes) {
	var val []byte
	for _, code := range m.changed.runs {
		r := &m.runs[code]
		r.unsaved = false
		if !r.live {
			continue
		}
		entry := m.storedRun(code)
		if r.run.IsEmpty() {
			if r.stored {
				to.Delete(entry.group, entry.key)
			}
			r.stored = false
			continue
		}
		val = m.machine.Encode(val[:0], &r.run)
		to.Put(entry.group, entry.key, val)
		r.stored = true
	}
	m.changed.runs = m.changed.runs[:0]
}

// Load reads the watermark, then rows, then runs, which refer to rows.
func (m *Match) Load(from engine.Saved) error {
	err := from.Each(engine.Worker{From: 0, To: 1}, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) == 1 && key[0] == storedWatermark && len(val) == 8 {
			m.now = int64(binary.BigEndian.Uint64(val))
			m.savedNow = m.now
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load matches: %w", err)
	}
	slots := map[storedMatch]uint32{}
	err = from.Each(m.env.Worker, func(group engine.KeyGroup, key, val []byte) error {
		if len(key) != 9 || key[0] != storedWaiting && key[0] != storedMatchRow {
			return nil
		}
		return m.loadRow(group, key, val, slots)
	})
	if err != nil {
		return fmt.Errorf("load rows of matches: %w", err)
	}
	err = from.Each(m.env.Worker, func(group engine.KeyGroup, key, val []byte) error {
		if len(key) == 0 || key[0] != storedRun {
			return nil
		}
		return m.loadRun(group, key[1:], val, slots)
	})
	if err != nil {
		return fmt.Errorf("load matches: %w", err)
	}
	for _, slot := range slots {
		m.Dropped(slot) // runs hold them now
	}
	return nil
}

// storedMatch names a stored row: numbers are unique within a key group.
type storedMatch struct {
	group  engine.KeyGroup
	number uint64
}

func (m *Match) code(key []byte) uint32 {
	if code, known := m.table.get(key); known {
		return code
	}
	code := m.table.put(key)
	m.reset(code)
	return code
}

func (m *Match) loadRow(group engine.KeyGroup, key, val []byte, slots map[storedMatch]uint32) error {
	number := binary.BigEndian.Uint64(key[1:])
	time, used := binary.Varint(val)
	if used <= 0 {
		return errCutRow
	}
	length, more := binary.Uvarint(val[used:])
	used += more
	if more <= 0 || length > uint64(len(val)-used) {
		return errCutRow
	}
	code := m.code(val[used : used+int(length)])
	row := columnsOf(schemaTypes(m.node.Input.Schema()), 1)
	rest, err := batch.AppendRow(row, val[used+int(length):])
	if err != nil || len(rest) > 0 {
		return errors.Join(errCutRow, err)
	}
	slot := m.rows.put(row, 0, number, time, code)
	m.rows.stored[slot] = storedAs{kind: key[0], number: number, group: group}
	m.next = max(m.next, number+1)
	if key[0] == storedWaiting {
		m.rows.waits[slot] = true
		m.runs[code].waiting++
		m.waiting.push(rowTime{time: time, number: number, slot: slot})
	} else {
		slots[storedMatch{group, number}] = slot
	}
	return nil
}

var errCutRow = errors.New("a stored row is damaged")

func (m *Match) loadRun(group engine.KeyGroup, key, val []byte, slots map[storedMatch]uint32) error {
	code := m.code(key)
	run, err := m.machine.Decode(val, func(number uint64) (uint32, bool) {
		slot, ok := slots[storedMatch{group, number}]
		return slot, ok
	})
	if err != nil {
		return err
	}
	r := &m.runs[code]
	r.run, r.stored = *run, true
	if at, ok := m.machine.Deadline(&r.run); ok {
		r.deadline = at
		m.timers.push(rowTime{time: at, slot: code})
	}
	return nil
}
