package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// SessionWindow is SESSION as a windowing table function that is not part of an
// aggregation: it keeps the rows of every session, and gives them with the
// session's properties behind when the session is complete. A row that is taken
// back while its session is open is not given.
//
// State is that of sessions; of each session it keeps its rows.
type SessionWindow struct {
	stateless
	env      Environment
	node     *plan.Window
	sessions *sessions
	types    []value.Type // of the input
	now      engine.Watermark
}

// NewSessionWindow makes the operator, whose input is cut by the partition key
// of the sessions.
func NewSessionWindow(env Environment, n *plan.Window) (*SessionWindow, error) {
	windows, err := newAssigner(n.Spec, n.Input.Schema()[n.Spec.Time], env)
	if err != nil {
		return nil, err
	}
	w := &SessionWindow{env: env, node: n, sessions: newSessions(windows, n.Spec.Keys), now: batch.NoMark}
	for _, c := range n.Input.Schema() {
		w.types = append(w.types, c.Type)
	}
	return w, nil
}

// Process keeps the rows.
func (w *SessionWindow) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	in, err := withTimes(w.env, rows, w.node.Spec.Time, w.node.Input.Schema()[w.node.Spec.Time].Name)
	if err != nil {
		return err
	}
	w.sessions.arrivals.add(in)
	return w.sessions.arrivals.take(w.now, w.add)
}

func (w *SessionWindow) add(in *batch.Batch) error {
	p := w.sessions.place(in, w.node.Spec.Time, w.now)
	if len(p.late) > 0 && w.env.Dropped != nil {
		w.env.Dropped(len(p.late))
	}
	for _, m := range p.merges {
		into := m.into.final()
		into.rows, m.from.rows = append(into.rows, m.from.rows...), nil
	}
	for i, s := range p.sessions {
		if s == nil {
			continue
		}
		home, row := s.final(), batch.AppendKey(nil, in.Columns, i)
		if !in.Kind(i).Retracts() {
			home.rows = append(home.rows, row)
			continue
		}
		if at := slices.IndexFunc(home.rows, func(other []byte) bool { return bytes.Equal(other, row) }); at >= 0 {
			home.rows = slices.Delete(home.rows, at, at+1)
		}
	}
	return nil
}

// Advance gives the rows of the sessions that are complete.
func (w *SessionWindow) Advance(to engine.Watermark, emit engine.Emit) error {
	before := w.now
	if err := w.sessions.arrivals.take(to, w.add); err != nil {
		return err
	}
	w.now = to
	width := len(w.types)
	schema := w.node.Schema()
	types := make([]value.Type, len(schema))
	for i, c := range schema {
		types[i] = c.Type
	}
	columns, n := columnsOf(types, 0), 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		out := &batch.Batch{Columns: columns, Rows: n, Marks: constantMarks(before, n)}
		columns, n = columnsOf(types, 0), 0
		return emit(out)
	}
	for _, s := range w.sessions.fire(to) {
		for _, row := range s.rows {
			if _, err := batch.AppendRow(columns[:width], row); err != nil {
				return fmt.Errorf("show session: %w", err)
			}
			for k, kind := range []plan.WindowPropertyKind{plan.WindowStart, plan.WindowEnd, plan.WindowTime} {
				columns[width+k].Resize(n + 1)
				setMilliseconds(columns[width+k], n, w.sessions.windows.sessionProperty(kind, s.start, s.last+w.node.Spec.Gap))
			}
			if n++; n == batch.MaxRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		s.rows = nil
		w.sessions.forget(s.key)
	}
	return flush()
}

// Save writes the sessions that have changed.
func (w *SessionWindow) Save(to engine.Changes) error {
	w.sessions.save(w.env, w.now, to, func(state []byte, s *session) []byte {
		state = binary.AppendUvarint(state, uint64(len(s.rows)))
		for _, row := range s.rows {
			state = append(binary.AppendUvarint(state, uint64(len(row))), row...)
		}
		return state
	})
	return nil
}

// Load reads the sessions of this worker.
func (w *SessionWindow) Load(from engine.Saved) error {
	var err error
	w.now, err = w.sessions.load(w.env, from, w.types, func(s *session, from []byte) ([]byte, error) {
		count, n := binary.Uvarint(from)
		if n <= 0 {
			return nil, errCutOff
		}
		from = from[n:]
		for range count {
			var row []byte
			var err error
			if row, from, err = readBytes(from); err != nil {
				return nil, err
			}
			s.rows = append(s.rows, slices.Clone(row))
		}
		return from, nil
	})
	return err
}
