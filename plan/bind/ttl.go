package bind

import (
	"slices"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// TTLSetting is Flink's setting for how long state is kept that is not written
// again. TTLOption says the same of a materialized table.
const (
	TTLSetting = "table.exec.state.ttl"
	TTLOption  = "state-ttl"
)

// TTL reads how long state is to be kept, of the setting or option name; 0 is
// for ever. The error is a problem.Problem.
func TTL(name, text string) (time.Duration, error) {
	d, ok := Duration(text)
	switch {
	case !ok || d < 0:
		return 0, invalidOption(name, text, "write a duration such as '1 h' or '7 d'; '0' keeps state for as long as the query needs it")
	case d == 0:
		return plan.Forever, nil
	}
	return d, nil
}

// lifetimes are what the STATE_TTL hints of a SELECT say of the tables of its
// FROM.
type lifetimes []lifetime

type lifetime struct {
	option *sql.Option
	ttl    time.Duration
}

// lifetimes reads the STATE_TTL hints of a SELECT.
func (b *binder) lifetimes(hints []*sql.Hint) lifetimes {
	var all lifetimes
	for _, h := range hints {
		if !strings.EqualFold(h.Name.Text, "STATE_TTL") {
			continue
		}
		if len(h.Options) == 0 {
			b.wrong(h.Pos(), problem.InvalidOption, "write STATE_TTL('t' = '1 d') with the name that the table has in FROM", "STATE_TTL does not say of which table")
		}
		for _, o := range h.Options {
			ttl, err := TTL(o.Key.Text, o.Value.Text)
			if err != nil {
				b.report(o.Value.Pos(), err)
				continue
			}
			if !b.session.Streaming {
				ttl = 0 // a batch forgets nothing
			}
			all = append(all, lifetime{o, ttl})
		}
	}
	return all
}

// of is the time to live of the state that an operator keeps of one of its
// inputs: what is said of the one table that the input is, 0 for nothing. Of
// several hints the first one counts.
func (l lifetimes) of(relations []relation) time.Duration {
	if len(relations) != 1 {
		return 0
	}
	for _, one := range l {
		if one.names(relations[0]) {
			return one.ttl
		}
	}
	return 0
}

// names reports whether the hint is about a table of FROM.
func (l lifetime) names(r relation) bool {
	name := l.option.Key.Text
	return name != "" && (name == r.name || name == r.path.String())
}

// checkLifetimes reports the hints that name no table of FROM.
func (b *binder) checkLifetimes(all lifetimes, s *scope) {
	for _, one := range all {
		named := false
		for _, r := range s.relations {
			named = named || one.names(r)
		}
		if !named {
			name, known := one.option.Key.Text, s.relationNames()
			b.wrong(one.option.Key.Pos(), problem.InvalidOption, didYouMean(name, known, "tables here are "+listed(known)), "STATE_TTL names %s, which is no table of FROM", name)
		}
	}
}

// keptFor is a finished plan whose state has the time to live that the session
// says, where nothing else is said of it.
func (b *binder) keptFor(node plan.Node) plan.Node {
	text, given := b.session.Config[TTLSetting]
	if node == nil || !given || !b.session.Streaming {
		return node
	}
	ttl, err := TTL(TTLSetting, text)
	if err != nil {
		b.report(problem.Position{}, err)
		return node
	}
	return plan.WithTTL(node, ttl)
}

// keptAs is the plan of a materialized table with the time to live that its
// options say.
func (b *binder) keptAs(node plan.Node, options map[string]string) (plan.Node, error) {
	text, given := options[TTLOption]
	if node == nil || !given || !b.session.Streaming {
		return node, nil
	}
	ttl, err := TTL(TTLOption, text)
	if err != nil {
		return node, err
	}
	return plan.WithTTL(node, ttl), nil
}

// Settled is a definition with the settings of the session written out that it
// would otherwise be without when it is read again.
func Settled(session Session, m *sql.CreateMaterializedTable) *sql.CreateMaterializedTable {
	text, given := session.Config[TTLSetting]
	if !given {
		return m
	}
	for _, o := range m.With {
		if o.Key.Text == TTLOption {
			return m
		}
	}
	c := *m
	at := sql.Span{Position: m.Name.Pos()}
	c.With = append(slices.Clone(m.With), &sql.Option{Span: at, Key: sql.StringValue{Span: at, Text: TTLOption}, Value: sql.StringValue{Span: at, Text: text}})
	return &c
}
