package gateway

import (
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// looked is the catalog, and what a question found in it. It gives a body for
// every call of an SQL function alone: what the binder finds out about the parts
// of a body holds for one call.
type looked struct {
	*catalog.Catalog
	tables    map[string]*plan.Table    // nil for names that there were not
	functions map[string]*bind.Function // likewise
	torn      bool                      // a name meant two things while the question was read
}

func look(c *catalog.Catalog) *looked {
	return &looked{Catalog: c, tables: map[string]*plan.Table{}, functions: map[string]*bind.Function{}}
}

// Table finds a table.
func (l *looked) Table(name string) (*plan.Table, bool) {
	t, ok := l.Catalog.Table(name)
	if before, again := l.tables[name]; again && before != t {
		l.torn = true
	}
	l.tables[name] = t
	return t, ok
}

// Function finds a function, and reads its body anew.
func (l *looked) Function(name string) (*bind.Function, bool) {
	f, ok := l.Catalog.Function(name)
	if before, again := l.functions[name]; again && before != f {
		l.torn = true
	}
	l.functions[name] = f
	if !ok || f.Body == nil {
		return f, ok
	}
	statement, err := parse.Statement(f.Definition)
	definition, is := statement.(*sql.CreateFunction)
	if err != nil || !is {
		return f, ok // the catalog printed it, so it can be read
	}
	own := *f
	own.Body = definition.Body
	return &own, true
}

// same reports whether every name still means what was found: a definition that
// the catalog hands out is never changed, so the same one says the same.
func (l *looked) same() bool {
	if l.torn {
		return false
	}
	for name, found := range l.tables {
		if t, _ := l.Catalog.Table(name); t != found {
			return false
		}
	}
	for name, found := range l.functions {
		if f, _ := l.Catalog.Function(name); f != found {
			return false
		}
	}
	return true
}
