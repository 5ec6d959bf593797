package operator

import (
	"errors"

	"tidemark/engine/state"
)

// spilledKeys is the files of a join: records of keys by the hash of the key. A
// newer file has more rows of keys than older ones, or if a record of a hash is
// complete, all there are of it.
//
// Files are merged like the digits of a number are carried: a row is written once
// for every level, and there are few files in each.
type spilledKeys struct {
	area *state.SpillArea
	runs []spilledRun // older ones first
}

type spilledRun struct {
	*state.Run
	level int
}

// runsMerged is how many files of one level become one of the next.
const runsMerged = 8

// held is how many bytes of memory it takes to know what is in the files.
func (f *spilledKeys) held() int64 {
	n := int64(0)
	for _, r := range f.runs {
		n += r.Held()
	}
	return n
}

// spilledWriter writes a file, if anything is added. After an error it does nothing
// until finish gives it.
type spilledWriter struct {
	files *spilledKeys
	level int
	run   *state.RunWriter
	err   error
}

func (w *spilledWriter) add(hash uint64, record []byte) {
	if w.run == nil && w.err == nil {
		w.run, w.err = w.files.area.NewRun()
	}
	if w.err == nil {
		w.err = w.run.Add(hash, record)
	}
}

// finish adds the file to the others, as the newest one.
func (w *spilledWriter) finish() error {
	if w.run == nil {
		return w.err
	}
	if w.err != nil {
		return errors.Join(w.err, w.run.Abort())
	}
	run, err := w.run.Finish()
	if err != nil {
		return err
	}
	w.files.runs = append(w.files.runs, spilledRun{run, w.level})
	return nil
}

// merge merges files as long as there are many of a level.
func (f *spilledKeys) merge() error {
	for {
		from := len(f.runs)
		for from > 0 && f.runs[from-1].level == f.runs[len(f.runs)-1].level {
			from--
		}
		if len(f.runs)-from < runsMerged {
			return nil
		}
		if err := f.mergeFrom(from); err != nil {
			return err
		}
	}
}

// mergeFrom makes one file of those from a number on.
func (f *spilledKeys) mergeFrom(from int) error {
	old := f.runs[from:]
	merged := spilledWriter{files: f, level: old[0].level + 1}
	readers, err := openRuns(old)
	if err != nil {
		return err
	}
	for {
		hash, some, err := readers.findNext()
		if err != nil {
			return errors.Join(err, readers.close())
		}
		if !some {
			break
		}
		for _, record := range readers.found {
			// That nothing is left of a key matters as long as an older file has
			// something.
			if !isEmptyRecord(record) || from > 0 {
				merged.add(hash, record)
			}
		}
	}
	if err := readers.close(); err != nil {
		return err
	}
	f.runs = append([]spilledRun(nil), f.runs[:from]...)
	if err := merged.finish(); err != nil {
		return err
	}
	for _, r := range old {
		err = errors.Join(err, r.Remove())
	}
	return err
}

// open begins to read all files.
func (f *spilledKeys) open() (*spilledReaders, error) { return openRuns(f.runs) }

// spilledReaders goes through files from the least hash to the greatest, and stops
// at all of them or at some.
type spilledReaders struct {
	runs  []*state.RunReader // older ones first
	begun bool
	found [][]byte // the records of a hash that are not void
	bytes []byte
	ends  []int
}

func openRuns(runs []spilledRun) (*spilledReaders, error) {
	r := &spilledReaders{}
	for _, run := range runs {
		reader, err := run.Open()
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.runs = append(r.runs, reader)
	}
	return r, nil
}

func (r *spilledReaders) close() error {
	var err error
	for _, run := range r.runs {
		err = errors.Join(err, run.Close())
	}
	return err
}

// find finds the records of a hash, which is not less than the one before.
func (r *spilledReaders) find(hash uint64) error {
	for _, run := range r.runs {
		if err := run.Seek(hash); err != nil {
			return err
		}
	}
	return r.gather(hash)
}

// findNext finds the records of the next hash that any file has.
func (r *spilledReaders) findNext() (hash uint64, some bool, err error) {
	if !r.begun {
		r.begun = true
		for _, run := range r.runs {
			if err := run.Next(); err != nil {
				return 0, false, err
			}
		}
	}
	for _, run := range r.runs {
		if run.Valid() && (!some || run.Hash() < hash) {
			hash, some = run.Hash(), true
		}
	}
	if !some {
		return 0, false, nil
	}
	return hash, true, r.gather(hash)
}

// gather finds the records of a hash where the readers stand on it, newer ones
// first, and moves them on.
func (r *spilledReaders) gather(hash uint64) error {
	r.found, r.bytes, r.ends = r.found[:0], r.bytes[:0], r.ends[:0]
	void := false
	for i := len(r.runs) - 1; i >= 0; i-- {
		run, complete := r.runs[i], false
		for run.Valid() && run.Hash() == hash {
			if !void {
				r.bytes = append(r.bytes, run.Record()...)
				r.ends = append(r.ends, len(r.bytes))
				complete = complete || isCompleteRecord(run.Record())
			}
			if err := run.Next(); err != nil {
				return err
			}
		}
		void = void || complete
	}
	start := 0
	for _, end := range r.ends {
		r.found = append(r.found, r.bytes[start:end])
		start = end
	}
	return nil
}
