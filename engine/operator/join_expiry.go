package operator

// expire forgets the rows that are over of all keys of a batch, of both sides,
// before any of them is looked at, and counts the keys whose partners have expired.
func (r *joinRun) expire() {
	j := r.join
	if !j.expires {
		return
	}
	own, other := j.sides[r.port], j.sides[1-r.port]
	own.expiry.tick()
	other.expiry.tick()
	own.beginExpiring()
	other.beginExpiring()
	for i := range r.rows.Rows {
		hash, key := j.encoded.hashes[i], j.encoded.key(i)
		own.expireOf(hash, key)
		other.expireOf(hash, key)
		other.expiry.ask(key)
	}
}

// beginExpiring begins a batch, in which the rows of each key are looked at once.
func (s *joinSide) beginExpiring() {
	for _, key := range s.marked {
		s.examined[key] = false
	}
	s.marked = s.marked[:0]
	if n := s.keys.size(); n > len(s.examined) {
		s.examined = append(s.examined, make([]bool, n-len(s.examined))...)
	}
}

// expireOf forgets the rows of a key that are over.
func (s *joinSide) expireOf(hash uint64, key []byte) {
	if !s.expiry.someOver() {
		return
	}
	of, ok := s.keys.find(hash, key)
	if !ok || s.examined[of] {
		return
	}
	s.examined[of] = true
	s.marked = append(s.marked, of)
	s.over = s.over[:0]
	first := *s.first.at(of) - 1
	for code := first; ; {
		if s.expiry.isOver(code) {
			s.over = append(s.over, code)
		}
		if code = s.entries.at(code).next; code == first {
			break
		}
	}
	for _, code := range s.over {
		s.expire(code)
	}
}

// expire forgets a row that is over, and all that are equal to it. Nobody is told:
// what was shown of it stays.
func (s *joinSide) expire(code uint32) {
	s.expiry.expired(s.keys.key(s.entries.at(code).key))
	s.drop(code)
}
