// Package catalog is the one home of definitions: tables, views, materialized
// tables and functions by name.
//
// It does not read SQL (plan/bind makes the definitions) and does not act on
// them (control/pipeline starts and stops jobs). Histories are not definitions:
// they are rows in tables.
//
// Flow: a statement is bound → Create or Drop changes the catalog and, unless
// temporary, its Keeper → binding asks for definitions by name. At start, what the
// Keeper has is bound again, in the order of creation. A materialized table that is
// changed has versions: Begin notes the next one, Swap makes it the table.
//
// Invariants:
//  1. A definition handed out is never changed; a new version is a new value.
//  2. What a Keeper has acknowledged and what the catalog shows are the same:
//     the Keeper is asked first.
package catalog

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/store/meta"
)

// Limits of the catalog.
const (
	tablesMax     = 10_000
	nameBytesMax  = 255
	columnsMax    = 2_000
	systemMark    = "$" // separates a table's name from its system tables': t$late
	reservedStart = "tidemark."
)

// Keeper stores definitions durably. store/meta does, in a program that runs;
// a nil Keeper keeps nothing.
type Keeper interface {
	Put(ctx context.Context, kind, name, body string) (version int, err error)
	Delete(ctx context.Context, kind, name string) error
	// Change stores and deletes several definitions, all or none of them.
	Change(ctx context.Context, all ...meta.Document) error
}

// The kinds under which a Keeper stores definitions.
const (
	TableKind    = "table"
	FunctionKind = "function"
)

// Conflict says what Create does about a name that is taken.
type Conflict uint8

// The ways to treat a name that is taken.
const (
	Refuse  Conflict = iota // a problem
	Keep                    // IF NOT EXISTS: leave the old definition
	Replace                 // OR REPLACE: the new one takes its place
)

// Catalog holds definitions. It is safe for concurrent use, and is the Catalog
// that plan/bind asks.
type Catalog struct {
	keeper Keeper
	mu     struct {
		sync.RWMutex
		tables    map[string]*plan.Table
		functions map[string]function
		order     []string // of tables, as they were created
		// previous and next are other versions of materialized tables, by name.
		previous, next map[string]Version
	}
}

// function is a function and its definition.
type function struct {
	*bind.Function
	definition string
}

var _ bind.Catalog = (*Catalog)(nil)

// New returns an empty catalog that stores lasting definitions in keeper, which
// may be nil.
func New(keeper Keeper) *Catalog {
	c := &Catalog{keeper: keeper}
	c.mu.tables = map[string]*plan.Table{}
	c.mu.functions = map[string]function{}
	c.mu.previous, c.mu.next = map[string]Version{}, map[string]Version{}
	return c
}

// Table finds a table or view by name.
func (c *Catalog) Table(name string) (*plan.Table, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, ok := c.mu.tables[name]
	return t, ok
}

// Function finds a function by its name in upper case.
func (c *Catalog) Function(name string) (*bind.Function, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, ok := c.mu.functions[name]
	return f.Function, ok
}

// Names lists all tables and views, sorted, system tables included.
func (c *Catalog) Names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := append([]string(nil), c.mu.order...)
	sort.Strings(names)
	return names
}

// Tables lists all tables and views in the order of their creation.
func (c *Catalog) Tables() []*plan.Table {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*plan.Table, len(c.mu.order))
	for i, name := range c.mu.order {
		all[i] = c.mu.tables[name]
	}
	return all
}

// Functions lists the names of all user functions, sorted.
func (c *Catalog) Functions() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := make([]string, 0, len(c.mu.functions))
	for name := range c.mu.functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Create adds a table. It reports whether the catalog has changed: a definition
// that is there already, word by word, changes nothing. A table that takes the
// place of another is of the same kind, and comes without the other's system
// tables.
func (c *Catalog) Create(ctx context.Context, t *plan.Table, taken Conflict) (changed bool, err error) {
	if err := checkTable(t); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old, exists := c.mu.tables[t.Name]
	switch {
	case !exists && len(c.mu.tables) >= tablesMax:
		return false, problem.New(problem.TooLarge, "there are %d tables already", tablesMax).WithHint("drop some that are not used")
	case exists && taken == Refuse:
		return false, problem.New(problem.AlreadyExists, "%s %s exists already", Noun(old.Kind), t.Name).WithHint("use another name, DROP it first, or write IF NOT EXISTS")
	case exists && (taken == Keep || old.Definition == t.Definition && old.Zone == t.Zone && old.StoredAs == t.StoredAs && t.Kind != plan.System):
		return false, nil
	case exists && Noun(old.Kind) != Noun(t.Kind):
		return false, problem.New(problem.Conflict, "%s is a %s, and cannot become a %s", t.Name, Noun(old.Kind), Noun(t.Kind)).WithHint("DROP %s %s first", strings.ToUpper(Noun(old.Kind)), t.Name)
	}
	if c.keeper != nil && !t.Temporary && t.Kind != plan.System {
		// The lock is held so that the keeper's order and ours are the same.
		if _, err := c.keeper.Put(ctx, TableKind, t.Name, kept(t)); err != nil {
			return false, err
		}
	}
	if exists {
		c.forget(func(other string) bool { return strings.HasPrefix(other, t.Name+systemMark) })
	} else {
		c.mu.order = append(c.mu.order, t.Name)
	}
	c.mu.tables[t.Name] = t
	return true, nil
}

func checkTable(t *plan.Table) error {
	switch {
	case t.Name == "" || len(t.Name) > nameBytesMax:
		return problem.New(problem.InvalidRequest, "a table name has 1 to %d bytes", nameBytesMax)
	case t.Kind != plan.System && (strings.Contains(t.Name, systemMark) || strings.HasPrefix(t.Name, reservedStart)):
		return problem.New(problem.InvalidRequest, "%q cannot be a table's name", t.Name).WithHint("names with %q and names that begin with %q are the system's", systemMark, reservedStart)
	case len(t.Columns) > columnsMax:
		return problem.New(problem.TooLarge, "%s has %d columns, more than %d", t.Name, len(t.Columns), columnsMax)
	}
	return nil
}

// Drop removes a table of the given kind with its system tables. A name that is
// not there is a problem unless ifExists.
func (c *Catalog) Drop(ctx context.Context, name string, kind plan.TableKind, ifExists bool) (*plan.Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.mu.tables[name]
	if !ok {
		if ifExists {
			return nil, nil
		}
		return nil, Unknown(name, c.mu.order)
	}
	if t.Kind == plan.System {
		table, _, _ := strings.Cut(name, systemMark)
		return nil, problem.New(problem.InvalidRequest, "%s is a system table", name).WithHint("it goes when %s is dropped", table)
	}
	if Noun(t.Kind) != Noun(kind) {
		return nil, problem.New(problem.InvalidRequest, "%s is a %s", name, Noun(t.Kind)).WithHint("use DROP %s", strings.ToUpper(Noun(t.Kind)))
	}
	if !t.Temporary {
		if err := c.keep(ctx, c.deletions(name)...); err != nil {
			return nil, err
		}
	}
	delete(c.mu.previous, name)
	delete(c.mu.next, name)
	c.forget(func(other string) bool { return other == name || strings.HasPrefix(other, name+systemMark) })
	return t, nil
}

// deletions are what a Keeper is told of a table that is dropped. The caller holds the
// lock.
func (c *Catalog) deletions(name string) []meta.Document {
	all := []meta.Document{{Kind: TableKind, Name: name, Deleted: true}}
	if _, ok := c.mu.previous[name]; ok {
		all = append(all, meta.Document{Kind: PreviousKind, Name: name, Deleted: true})
	}
	if _, ok := c.mu.next[name]; ok {
		all = append(all, meta.Document{Kind: NextKind, Name: name, Deleted: true})
	}
	return all
}

// forget removes tables from memory. The caller holds the lock.
func (c *Catalog) forget(gone func(name string) bool) {
	kept := make([]string, 0, len(c.mu.order))
	for _, name := range c.mu.order {
		if gone(name) {
			delete(c.mu.tables, name)
			continue
		}
		kept = append(kept, name)
	}
	c.mu.order = kept
}

// CreateFunction adds a function under its name in upper case, and reports
// whether the catalog has changed, as Create does.
func (c *Catalog) CreateFunction(ctx context.Context, f *bind.Function, definition string, taken Conflict) (changed bool, err error) {
	key := strings.ToUpper(f.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	old, exists := c.mu.functions[key]
	switch {
	case exists && taken == Refuse:
		return false, problem.New(problem.AlreadyExists, "function %s exists already", f.Name).WithHint("use another name, DROP it first, or write OR REPLACE")
	case exists && (taken == Keep || old.definition == definition):
		return false, nil
	}
	if c.keeper != nil {
		if _, err := c.keeper.Put(ctx, FunctionKind, key, definition); err != nil {
			return false, err
		}
	}
	c.mu.functions[key] = function{f, definition}
	return true, nil
}

// DropFunction removes a function, and reports whether there was one. A name that
// is not there is a problem unless ifExists.
func (c *Catalog) DropFunction(ctx context.Context, name string, ifExists bool) (dropped bool, err error) {
	key := strings.ToUpper(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.mu.functions[key]; !ok {
		if ifExists {
			return false, nil
		}
		return false, problem.New(problem.UnknownFunction, "there is no user function %s", name)
	}
	if c.keeper != nil {
		if err := c.keeper.Delete(ctx, FunctionKind, key); err != nil {
			return false, err
		}
	}
	delete(c.mu.functions, key)
	return true, nil
}

// Unknown is the problem of a table name that does not exist, with the nearest
// one that does.
func Unknown(name string, names []string) *problem.Problem {
	p := problem.New(problem.UnknownTable, "there is no table %s", name)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %s?", near)
	}
	return p
}

// Noun is what a kind is called in SQL.
func Noun(k plan.TableKind) string {
	switch k {
	case plan.View:
		return "view"
	case plan.Materialized:
		return "materialized table"
	case plan.System:
		return "system table"
	case plan.Native, plan.External:
	}
	return "table"
}

// String prints all definitions, for tests.
func (c *Catalog) String() string {
	var b strings.Builder
	for _, t := range c.Tables() {
		fmt.Fprintf(&b, "%s %s\n", Noun(t.Kind), t.Name)
	}
	return b.String()
}
