package operator

import "encoding/binary"

// A record is some rows of a key, or all of them, in a file:
//
//	record := complete:u8  length:uvarint key  left:varint  right:varint  row*
//	row    := length:uvarint  what follows the key in the row  written:varint  count:varint  partners:varint
//
// written is the time of the last write, and only there if rows of the side
// expire. What expires in a file is forgotten when its key is read back.
//
// complete is 1 when older files have nothing more; such a record alone, without
// the rest, says that nothing is left of the keys with its hash.

func isCompleteRecord(record []byte) bool { return len(record) > 0 && record[0] == 1 }

func isEmptyRecord(record []byte) bool { return len(record) == 1 }

func (s *joinSpill) emptyRecord() []byte { return []byte{1} }

// makeRecord puts a key into record, with all rows if it is complete, and with
// those that are in no file otherwise. It reports whether there are any.
func (s *joinSpill) makeRecord(k heldKey, complete bool) bool {
	key := s.sides[k.port].keys.key(k.code)
	var rows [2]int64
	each := func(port int, f func(code uint32)) {
		side, of := s.sides[port], k.code
		if port != k.port {
			var ok bool
			if of, ok = side.keys.find(k.hash, key); !ok || k.port == 1 {
				return
			}
		}
		side.eachOf(of, func(code uint32) {
			if complete || side.entries.at(code).flags&inFile == 0 {
				f(code)
			}
		})
	}
	for port := range s.sides {
		each(port, func(uint32) { rows[port]++ })
	}
	if rows == [2]int64{} {
		return false
	}
	to := append(s.record[:0], 0)
	if complete {
		to[0] = 1
	}
	to = binary.AppendVarint(binary.AppendVarint(appendSized(to, key), rows[0]), rows[1])
	for port, side := range s.sides {
		each(port, func(code uint32) {
			to = appendSized(to, side.row(code)[len(key):])
			to = side.expiry.append(to, code)
			to = binary.AppendVarint(binary.AppendVarint(to, side.count(code)), side.partnersOf(code))
		})
	}
	s.record = to
	return true
}

// eachOf calls f with the rows of a key, in the order in which they came.
func (s *joinSide) eachOf(key uint32, f func(code uint32)) {
	first := *s.first.at(key) - 1
	for code := first; ; {
		f(code)
		if code = s.entries.at(code).next; code == first {
			return
		}
	}
}

// recordTakes is about how many bytes the rows of a record take in the sides.
func recordTakes(record []byte) int64 {
	if isEmptyRecord(record) {
		return 0
	}
	rest := spilledState{rest: record[1:]}
	key := int64(len(rest.sized()))
	rows := rest.number() + rest.number()
	return int64(len(record)) + rows*(key+int64(joinRowBytes)) + 3*key
}

// takeRecord takes the rows of a record into the sides.
func (s *joinSpill) takeRecord(hash uint64, record []byte) error {
	if isEmptyRecord(record) {
		return nil
	}
	if len(record) == 0 {
		return errSpilledState
	}
	rest := spilledState{rest: record[1:]}
	row := append(s.record[:0], rest.sized()...)
	key := len(row)
	counts := [2]int64{rest.number(), rest.number()}
	for port, side := range s.sides {
		for range counts[port] {
			row = append(row[:key], rest.sized()...)
			written := int64(0)
			if side.expiry != nil {
				written = rest.number()
			}
			count, partners := rest.number(), rest.number()
			if rest.short {
				return errSpilledState
			}
			code := side.add(hash, row[:key], row, count, partners)
			side.expiry.restore(code, written)
			side.deadlines.restore(code)
			e := side.entries.at(code)
			e.flags |= inFile
			if s.join.env.Saves {
				// It is no change: what was to be saved of the row has been noted.
				e.flags |= saved
			}
		}
	}
	s.record = row
	if rest.short || len(rest.rest) > 0 {
		return errSpilledState
	}
	return nil
}
