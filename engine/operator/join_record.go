package operator

import "encoding/binary"

// A record is some rows of a key, or all of them, in a file:
//
//	record := complete:u8  length:uvarint key  rows:varint*  row*
//	row    := length:uvarint  what follows the key in the row  written:varint  count:varint  partners:varint
//
// There is a number of rows for each side. written is the time of the last write, and only there if rows of the side
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
	to := append(s.record[:0], 0)
	if complete {
		to[0] = 1
	}
	to = appendSized(to, key)
	some := false
	for port := range s.sides {
		rows := int64(0)
		s.eachOf(port, k, key, complete, func(uint32) { rows++ })
		some = some || rows > 0
		to = binary.AppendVarint(to, rows)
	}
	if !some {
		return false
	}
	for port, side := range s.sides {
		s.eachOf(port, k, key, complete, func(code uint32) {
			to = appendSized(to, side.row(code)[len(key):])
			to = side.expiry.append(to, code)
			to = binary.AppendVarint(binary.AppendVarint(to, side.count(code)), side.partnersOf(code))
		})
	}
	s.record = to
	return true
}

// eachOf calls f with the rows of a key that the side of the port has: all of them,
// or those that are in no file.
func (s *joinSpill) eachOf(port int, k heldKey, key []byte, all bool, f func(code uint32)) {
	side, of, has := s.sides[port], k.code, port == k.port
	if port > k.port {
		of, has = side.keys.find(k.hash, key)
	}
	if !has {
		return
	}
	side.eachOf(of, func(code uint32) {
		if all || side.entries.at(code).flags&inFile == 0 {
			f(code)
		}
	})
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
func (s *joinSpill) recordTakes(record []byte) int64 {
	if isEmptyRecord(record) {
		return 0
	}
	rest := spilledState{rest: record[1:]}
	key := int64(len(rest.sized()))
	rows := int64(0)
	for range s.sides {
		rows += rest.number()
	}
	return int64(len(record)) + rows*(key+int64(joinRowBytes)) + int64(len(s.sides)+1)*key
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
	s.counts = s.counts[:0]
	for range s.sides {
		s.counts = append(s.counts, rest.number())
	}
	for port, side := range s.sides {
		for range s.counts[port] {
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
			if s.env.Saves {
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
