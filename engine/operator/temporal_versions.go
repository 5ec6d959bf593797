package operator

import (
	"encoding/binary"
	"errors"

	"tidemark/engine"
)

// versions is what the rows of keys were and are, by time.
type versions struct {
	keys    *table
	first   []uint32 // of each key: 1 + its oldest version, 0 for none
	list    numbered[version]
	rows    rowStore  // of each version; none of a deletion
	aging   timeQueue // keys to look through when the watermark is at a time
	deleted []storedKey
}

// version is a row that was valid from a time on, or that there was none.
type version struct {
	at    int64  // valid from
	since int64  // who asks as of an earlier time does not see it: it came late
	key   uint32 // code
	next  uint32 // 1 + the next version of the key; 0 for none
}

// at is a version that is there.
func (v *versions) at(number uint32) *version { return &v.list.list[number] }

func newVersions() *versions { return &versions{keys: newTable()} }

// add takes a version; without a row there is none from then on. Versions of a
// key are in the order of their times, and of equal ones in that of since, in
// which they arrive; one with the same times takes the place of the other.
func (v *versions) add(key, row []byte, at, since int64) (number uint32) {
	code := v.keys.put(key)
	for int(code) >= len(v.first) {
		v.first = append(v.first, 0)
	}
	before := uint32(0)
	for next := v.first[code]; next != 0; next = v.at(next - 1).next {
		e := v.at(next - 1)
		if e.at > at || e.at == at && e.since > since {
			break
		}
		if e.at == at && e.since == since {
			v.set(next-1, row)
			return next - 1
		}
		before = next
	}
	number = v.list.take(version{at: at, since: since, key: code, next: v.first[code]})
	if before == 0 {
		v.first[code] = number + 1
	} else {
		v.at(number).next, v.at(before-1).next = v.at(before-1).next, number+1
	}
	v.set(number, row)
	// When a version is the newest one, those before it are not needed any more.
	if before != 0 {
		v.aging.push(timed{due: since, number: code})
	}
	if next := v.at(number).next; next != 0 {
		v.aging.push(timed{due: v.at(next - 1).since, number: code})
	}
	return number
}

// set gives a version its row and notes that it is not stored as it is.
func (v *versions) set(number uint32, row []byte) {
	if row == nil {
		v.rows.drop(number)
	} else {
		v.rows.put(number, row)
	}
	v.list.touch(number)
}

// find gives the version of the key that is valid at a time, as it was known as of
// another, not earlier one. There is none when it has been deleted, and when the one
// that was valid had been replaced by then, as it may be forgotten.
func (v *versions) find(hash uint64, key []byte, at, asOf int64) (number uint32, ok bool) {
	code, ok := v.keys.find(hash, key)
	if !ok {
		return 0, false
	}
	newest := v.newest(code, asOf)
	if newest == 0 || v.at(newest-1).at > at || v.rows.get(newest-1) == nil {
		return 0, false
	}
	return newest - 1, true
}

// newest is 1 + the newest version of a key that was known as of a time; 0 when
// there is none.
func (v *versions) newest(key uint32, asOf int64) uint32 {
	newest := uint32(0)
	for next := v.first[key]; next != 0; next = v.at(next - 1).next {
		if v.at(next-1).since <= asOf {
			newest = next
		}
	}
	return newest
}

// forget drops the versions that nobody asks for any more who asks as of w or
// later. The newest one stays, also when it is a deletion: what comes late must
// not be taken for valid.
func (v *versions) forget(w engine.Watermark) {
	for v.aging.isDue(w) {
		code := v.aging.pop().number
		newest := v.newest(code, w)
		for next := v.first[code]; newest != 0 && next != newest; next = v.first[code] {
			v.first[code] = v.at(next - 1).next
			v.drop(next - 1)
		}
	}
}

// drop forgets a version that is the first of its key no more.
func (v *versions) drop(number uint32) {
	if v.list.isSaved(number) {
		v.deleted = append(v.deleted, v.stored(number))
	}
	v.rows.drop(number)
	v.list.release(number)
}

// stored is the key that a version is stored under: 'r', length of the key, key,
// and the two times (8 bytes each, little endian).
func (v *versions) stored(number uint32) storedKey {
	e := v.at(number)
	key := v.keys.key(e.key)
	to := append(binary.AppendUvarint([]byte{'r'}, uint64(len(key))), key...)
	to = binary.LittleEndian.AppendUint64(to, uint64(e.at))
	return storedKey{engine.GroupOf(key), binary.LittleEndian.AppendUint64(to, uint64(e.since))}
}

// save writes the versions that have changed; the value is the row, behind a
// byte that is 0 for a deletion.
func (v *versions) save(to engine.Changes) {
	for _, gone := range v.deleted {
		to.Delete(gone.group, gone.key)
	}
	v.deleted = v.deleted[:0]
	var val []byte
	v.list.save(func(number uint32) {
		val = append(val[:0], 0)
		if row := v.rows.get(number); row != nil {
			val[0] = 1
			val = append(val, row...)
		}
		at := v.stored(number)
		to.Put(at.group, at.key, val)
	})
}

var errVersion = errors.New("a version of a row is damaged")

// load takes a version that save wrote.
func (v *versions) load(key, val []byte) error {
	length, used := binary.Uvarint(key[1:])
	if used <= 0 || len(val) == 0 || uint64(len(key)) != 1+uint64(used)+length+16 {
		return errVersion
	}
	key = key[1+used:]
	var row []byte
	if val[0] != 0 {
		row = val[1:]
	}
	at, since := binary.LittleEndian.Uint64(key[length:]), binary.LittleEndian.Uint64(key[length+8:])
	v.list.loaded(v.add(key[:length], row, int64(at), int64(since)))
	return nil
}
