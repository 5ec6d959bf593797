package bind_test

import (
	"slices"
	"strings"
	"time"

	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// memory is a catalog that definitions are put into, statement by statement.
type memory struct {
	tables    map[string]*plan.Table
	functions map[string]*bind.Function
	session   bind.Session
}

func newMemory(streaming bool) *memory {
	return &memory{
		tables: map[string]*plan.Table{}, functions: map[string]*bind.Function{},
		session: bind.Session{Zone: time.UTC, Streaming: streaming, Now: time.Unix(1_700_000_000, 0), Config: map[string]string{},
			Changing: func(t *plan.Table) bool { return strings.HasPrefix(t.Options["format"], "debezium") }},
	}
}

func (m *memory) Table(name string) (*plan.Table, bool) {
	t, ok := m.tables[name]
	return t, ok
}

func (m *memory) Function(name string) (*bind.Function, bool) {
	f, ok := m.functions[name]
	return f, ok
}

func (m *memory) Names() []string {
	var names []string
	for name := range m.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// define runs a definition or setting; done is false for other statements.
func (m *memory) define(source string, s sql.Statement) (done bool, err error) {
	switch s := s.(type) {
	case *sql.Set:
		if s.Key == nil {
			return false, nil
		}
		m.session.Config[s.Key.Text] = s.Value.Text
		switch s.Key.Text {
		case "table.local-time-zone":
			if zone, err := time.LoadLocation(s.Value.Text); err == nil {
				m.session.Zone = zone
			}
		case "execution.runtime-mode":
			m.session.Streaming = strings.EqualFold(s.Value.Text, "streaming")
		}
	case *sql.CreateTable:
		var t *plan.Table
		if t, err = bind.Table(m, m.session, s); err == nil {
			m.tables[t.Name] = t
		}
	case *sql.CreateView:
		var t *plan.Table
		if t, err = bind.View(m, m.session, s, sql.Text(source, s.Query)); err == nil {
			m.tables[t.Name] = t
		}
	case *sql.CreateFunction:
		var f *bind.Function
		if f, err = bind.Define(m, m.session, s, sql.Text(source, s)); err == nil {
			m.functions[f.Name] = f
		}
	case *sql.CreateMaterializedTable:
		var t *bind.Materialized
		if t, err = bind.MaterializedTable(m, m.session, s, sql.Text(source, s.Query)); err == nil {
			m.tables[t.Table.Name] = t.Table
		}
	default:
		return false, nil
	}
	return true, err
}

// script defines everything in source and gives the other statements.
func (m *memory) script(source string) ([]sql.Statement, error) {
	statements, problems := parse.Script("", source)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	var rest []sql.Statement
	for _, s := range statements {
		done, err := m.define(source, s)
		if err != nil {
			return rest, err
		}
		if !done {
			rest = append(rest, s)
		}
	}
	return rest, nil
}
