package catalog

import (
	"context"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/store/meta"
)

// The kinds under which a Keeper stores what a materialized table was before its
// last change, and what it is going to be while that is built beside it.
const (
	PreviousKind = "previous"
	NextKind     = "next"
)

// Documents are the definitions that a keeper has: the newest of each kind.
type Documents struct {
	Tables, Functions []meta.Document
	Previous, Next    []meta.Document // versions of materialized tables
}

// ReadDocuments reads what a keeper has.
func ReadDocuments(ctx context.Context, from interface {
	All(ctx context.Context, kind string) ([]meta.Document, error)
}) (all Documents, err error) {
	for _, read := range []struct {
		kind string
		into *[]meta.Document
	}{{TableKind, &all.Tables}, {FunctionKind, &all.Functions}, {PreviousKind, &all.Previous}, {NextKind, &all.Next}} {
		if *read.into, err = from.All(ctx, read.kind); err != nil {
			return all, err
		}
	}
	return all, nil
}

// Version is what a materialized table was, or is going to be. Of its table only
// name, definition, zone and the name that it is stored under are known: what the
// definition means depends on what it reads.
type Version struct {
	Table *plan.Table
	// Because is why a next version is built.
	Because Reason
	// Of is the table whose change is followed, for Follows; the time that is
	// replayed from, for ReplaysFrom.
	Of string
	At time.Time // since when it is the previous one
}

// Reason is why the next version of a table is built.
type Reason string

// The reasons.
const (
	Changes     Reason = "change"      // its definition was changed
	Replays     Reason = "replay"      // somebody asked for it
	ReplaysFrom Reason = "replay-from" // somebody asked for it, from a time on
	Follows     Reason = "follow"      // a table that it reads was changed
)

// reasonSetting is the setting that the reason of a next version is kept with, and
// what it is about behind a space.
const reasonSetting = "tidemark.built-because"

// kept is how a Keeper stores a version.
func (v Version) kept() string {
	body := kept(v.Table)
	if v.Because == "" {
		return body
	}
	return setting(reasonSetting, strings.TrimSpace(string(v.Because)+" "+v.Of)) + body
}

// keptVersion reads what a Keeper stored.
func keptVersion(d meta.Document) (Version, error) {
	statement, settings, err := Kept(d.Body)
	if err != nil {
		return Version{}, err
	}
	create, ok := statement.(*sql.CreateMaterializedTable)
	if !ok {
		return Version{}, problem.New(problem.Corrupt, "a version of %s is no materialized table", d.Name)
	}
	v := Version{At: d.At, Table: &plan.Table{Kind: plan.Materialized, Name: d.Name, Definition: definitionOf(create), Zone: settings[ZoneSetting], StoredAs: settings[StoredSetting]}}
	because, of, _ := strings.Cut(settings[reasonSetting], " ")
	v.Because, v.Of = Reason(because), of
	return v, nil
}

// LoadVersions takes over the versions that a Keeper has. One that cannot be read is
// a problem, and is not known.
func (c *Catalog) LoadVersions(previous, next []meta.Document) (wrong problem.List) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, load := range []struct {
		all  []meta.Document
		into map[string]Version
	}{{previous, c.mu.previous}, {next, c.mu.next}} {
		for _, d := range load.all {
			v, err := keptVersion(d)
			if err != nil {
				wrong = append(wrong, problem.New(problem.Corrupt, "a version of %s cannot be read: %v", d.Name, err))
				continue
			}
			load.into[d.Name] = v
		}
	}
	return wrong
}

// Previous is what a table was before its last change, while that is kept.
func (c *Catalog) Previous(name string) (Version, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.mu.previous[name]
	return v, ok
}

// Next is what a table is going to be, while that is built.
func (c *Catalog) Next(name string) (Version, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.mu.next[name]
	return v, ok
}

// Building lists the tables whose next version is built, in the order of their
// creation.
func (c *Catalog) Building() []Version {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []Version
	for _, name := range c.mu.order {
		if v, ok := c.mu.next[name]; ok {
			all = append(all, v)
		}
	}
	return all
}

// Begin notes that a version of a table is going to be built, so that a start after a
// crash goes on with it.
func (c *Catalog) Begin(ctx context.Context, next Version) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.keep(ctx, meta.Document{Kind: NextKind, Name: next.Table.Name, Body: next.kept()}); err != nil {
		return err
	}
	c.mu.next[next.Table.Name] = next
	return nil
}

// GiveUp forgets that a version of a table is built. None is no error.
func (c *Catalog) GiveUp(ctx context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.keep(ctx, meta.Document{Kind: NextKind, Name: name, Deleted: true}); err != nil {
		return err
	}
	delete(c.mu.next, name)
	return nil
}

// DropPrevious forgets what a table was before its last change.
func (c *Catalog) DropPrevious(ctx context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.keep(ctx, meta.Document{Kind: PreviousKind, Name: name, Deleted: true}); err != nil {
		return err
	}
	delete(c.mu.previous, name)
	return nil
}

// Swap makes a table what was built beside it, and what it was its previous version,
// in one step that a crash cannot divide. With it begin the next versions of the
// tables that follow. back undoes it.
func (c *Catalog) Swap(ctx context.Context, t *plan.Table, following []Version) (back func(context.Context) error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, exists := c.mu.tables[t.Name]
	if !exists {
		return nil, Unknown(t.Name, c.mu.order)
	}
	previous, hadPrevious := c.mu.previous[t.Name]
	now := Version{Table: before, At: time.Now()}
	if err := c.keep(ctx, swapping(t, now, following)...); err != nil {
		return nil, err
	}
	c.replace(t)
	c.mu.previous[t.Name] = now
	delete(c.mu.next, t.Name)
	for _, v := range following {
		c.mu.next[v.Table.Name] = v
	}
	return func(ctx context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := []meta.Document{{Kind: TableKind, Name: t.Name, Body: kept(before)}, {Kind: PreviousKind, Name: t.Name, Deleted: true}}
		delete(c.mu.previous, t.Name)
		if hadPrevious {
			was[1] = meta.Document{Kind: PreviousKind, Name: t.Name, Body: previous.kept()}
			c.mu.previous[t.Name] = previous
		}
		for _, v := range following {
			was = append(was, meta.Document{Kind: NextKind, Name: v.Table.Name, Deleted: true})
			delete(c.mu.next, v.Table.Name)
		}
		c.replace(before)
		return c.keep(ctx, was...)
	}, nil
}

// swapping is what a Keeper is told of a swap.
func swapping(t *plan.Table, now Version, following []Version) []meta.Document {
	all := []meta.Document{
		{Kind: TableKind, Name: t.Name, Body: kept(t)},
		{Kind: PreviousKind, Name: t.Name, Body: now.kept()},
		{Kind: NextKind, Name: t.Name, Deleted: true},
	}
	for _, v := range following {
		all = append(all, meta.Document{Kind: NextKind, Name: v.Table.Name, Body: v.kept()})
	}
	return all
}

// replace puts a table in the place of the one of its name, whose system tables go.
// The caller holds the lock.
func (c *Catalog) replace(t *plan.Table) {
	c.forget(func(other string) bool { return strings.HasPrefix(other, t.Name+systemMark) })
	c.mu.tables[t.Name] = t
}

// keep tells the Keeper, if there is one. The caller holds the lock, so that the
// Keeper's order and ours are the same.
func (c *Catalog) keep(ctx context.Context, all ...meta.Document) error {
	if c.keeper == nil {
		return nil
	}
	return c.keeper.Change(ctx, all...)
}
