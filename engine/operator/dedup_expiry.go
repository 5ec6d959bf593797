package operator

import (
	"slices"

	"tidemark/base/batch"
)

// renew begins the partitions of a batch anew that are over, and gives the rows
// that are the first to come of their partition.
func (k *KeepFirst) renew(rows int, fresh []uint16) []uint16 {
	if k.expiry == nil {
		return fresh
	}
	k.expiry.tick()
	for _, row := range fresh {
		k.expiry.ask(k.table.key(k.codes[row]))
	}
	for row, code := range k.codes[:rows] {
		if k.due[code] != shownForGood || !k.expiry.isOver(code) {
			continue
		}
		key := k.table.key(code)
		k.expiry.expired(key)
		k.expiry.ask(key)
		k.expiry.forget(code)
		k.due[code] = batch.Final
		fresh = append(fresh, uint16(row))
	}
	slices.Sort(fresh)
	return fresh
}

// expire forgets the partitions that are over. One whose row waits to be shown has
// not begun to live.
func (k *KeepFirst) expire() {
	k.expiry.sweep(func(code uint32) {
		if k.due[code] != shownForGood {
			k.expiry.write(code)
			return
		}
		key := k.table.key(code)
		k.expiry.expired(key)
		if k.env.Saves {
			k.deleted = append(k.deleted, slices.Clone(key))
		}
		k.flags[code] = 0
		k.table.remove(code)
	})
}
