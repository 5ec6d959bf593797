package operator

import "tidemark/engine"

// storedTime begins the stored keys of the times when partitions were written
// last.
const storedTime = 't'

// renew begins the partitions of a batch anew that are over.
func (r *Rank) renew(codes []uint32) {
	if r.expiry == nil {
		return
	}
	r.expiry.tick()
	for _, code := range codes {
		switch key := r.rows.table.key(code); {
		case *r.touched.at(code): // what has changed is shown first
		case r.expiry.isOver(code):
			r.expiry.expired(key)
			r.expiry.ask(key)
			r.empty(code)
		case r.rows.runs.size(code) == 0:
			r.expiry.ask(key)
		}
	}
}

// empty forgets the rows of a partition, and that they were shown.
func (r *Rank) empty(code uint32) {
	for _, row := range r.rows.runs.list(code) {
		r.rows.remove(row)
	}
	r.expiry.forget(code)
}

// expire forgets the partitions that are over. A Flush has shown all changes
// before.
func (r *Rank) expire() {
	r.expiry.sweep(func(code uint32) {
		r.expiry.expired(r.rows.table.key(code))
		r.empty(code)
		r.drop(code)
	})
}

// drop removes a partition without rows.
func (r *Rank) drop(code uint32) {
	if r.expiry != nil && r.env.Saves {
		r.expired = append(r.expired, r.timeKey(code))
	}
	r.expiry.forget(code)
	r.rows.drop(code)
}

func (r *Rank) timeKey(code uint32) []byte {
	return append([]byte{storedTime}, r.rows.table.key(code)...)
}

// saveLater notes that a partition was written.
func (r *Rank) saveLater(code uint32) {
	if r.expiry != nil && r.env.Saves {
		r.written = append(r.written, code)
	}
}

// saveTimes writes when the partitions were written that were since the last Save.
func (r *Rank) saveTimes(to engine.Changes) {
	for _, key := range r.expired {
		to.Delete(engine.GroupOf(key[1:]), key)
	}
	for _, code := range r.written {
		if r.rows.runs.size(code) == 0 {
			continue // gone since
		}
		key := r.timeKey(code)
		to.Put(engine.GroupOf(key[1:]), key, r.expiry.append(nil, code))
	}
	r.expired, r.written = r.expired[:0], r.written[:0]
}

func (r *Rank) loadTime(key, val []byte) error {
	at, _, err := r.expiry.cut(val)
	if err == nil {
		r.expiry.restore(r.rows.partitionOf(key[1:]), at)
	}
	return err
}
