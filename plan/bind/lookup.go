package bind

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
	"tidemark/sql"
)

// lookupJoin makes the join that asks the table when a row is there; nil after a
// problem was reported.
func (b *binder) lookupJoin(kind plan.JoinKind, ref *sql.TableRef, left, right rows, on joinOn) plan.Node {
	table := b.bound.Tables[ref]
	name := ref.Path.String()
	switch {
	case table == nil || table.Kind == plan.View:
		b.wrong(ref.Path.Pos(), problem.InvalidQuery, "name the table itself, or join as of a rowtime", "%s is a query, which cannot be looked up by key", name)
		return nil
	case slices.ContainsFunc(table.Columns, func(c plan.TableColumn) bool { return c.Computed != nil }):
		b.unsupported(ref.Path.Pos(), "looking up a table with computed columns", "compute them in the select list")
		return nil
	}
	options, ok := b.lookupOptions(right.relations[0].name)
	if !ok {
		return nil
	}
	n := &plan.LookupJoin{Kind: kind, Input: left.node, Table: b.hinted(table, ref.Hints), Options: options}
	for i := range table.Columns {
		n.Columns = append(n.Columns, i)
	}
	k := newKeyed(left.node, right.node)
	for _, c := range on.conditions {
		if key, ok := b.lookupKey(k, c); ok {
			n.Keys = append(n.Keys, key)
		} else {
			k.rest = append(k.rest, c)
		}
	}
	if len(n.Keys) == 0 {
		b.wrong(ref.Path.Pos(), problem.InvalidQuery, "add ON o.id = "+right.relations[0].name+".id", "nothing says which rows of %s to look up", name)
		return nil
	}
	n.Condition = k.condition()
	if name, given := options["expired-table"]; given {
		if n.Expired = b.expiredTable(ref, name); n.Expired == nil {
			return nil
		}
	}
	return n
}

// expiredTable finds the table for rows that nothing is found for; nil after a
// problem was reported.
func (b *binder) expiredTable(ref *sql.TableRef, name string) *plan.Table {
	parts := strings.Split(name, ".")
	t, ok := findTable(b.catalog, sql.PathOf(parts...))
	hint := "create it before, with some of the columns " + expiredColumns()
	switch {
	case !ok:
		b.wrong(ref.Path.Pos(), problem.UnknownTable, hint, "there is no table %s for the rows that LOOKUP gives up", name)
		return nil
	case t.Kind != plan.External && t.Kind != plan.Native:
		b.wrong(ref.Path.Pos(), problem.InvalidOption, hint, "%s cannot take the rows that LOOKUP gives up: it is a query", name)
		return nil
	}
	for _, written := range t.Written() {
		c := t.Columns[written]
		if !slices.ContainsFunc(connect.ExpiredColumns, func(f value.Field) bool { return f.Name == c.Name && f.Type.Equal(c.Type.Optional()) }) {
			b.wrong(ref.Path.Pos(), problem.InvalidOption, "its columns may be "+expiredColumns(), "rows that LOOKUP gives up have nothing for column %s %s of %s", c.Name, c.Type, name)
			return nil
		}
	}
	return t
}

func expiredColumns() string {
	all := make([]string, len(connect.ExpiredColumns))
	for i, f := range connect.ExpiredColumns {
		all[i] = f.Name + " " + f.Type.String()
	}
	return strings.Join(all, ", ")
}

// lookupKey makes a key of a condition that a column of the table equals
// something of the left, or a constant.
func (b *binder) lookupKey(k *keyed, condition plan.Expr) (key plan.LookupKey, ok bool) {
	c, isCall := condition.(*plan.Call)
	if !isCall || c.Function.Name != "=" || !plan.Deterministic(c) {
		return key, false
	}
	with, of := c.Args[0], c.Args[1]
	if sideOf(with, k.width) == rightSide {
		with, of = of, with
	}
	column, isColumn := of.(*plan.Column)
	if !isColumn || column.Index < k.width || sideOf(with, k.width)&rightSide != 0 {
		return key, false
	}
	to := column.Of
	if common, fits := keyType(with.Type(), to); !fits || !sameValues(common, to) && !to.IsText() {
		return key, false
	}
	return plan.LookupKey{Column: column.Index - k.width, Value: b.implicit(with, to)}, true
}

// lookupChecks are the options of the LOOKUP hint: Flink's, and ours for
// retries that wait longer and longer and give up.
var lookupChecks = map[string]func(string) bool{
	"table":           func(s string) bool { return s != "" },
	"async":           isBoolean,
	"output-mode":     oneOf("ordered", "allow_unordered"),
	"capacity":        isCount,
	"timeout":         isDuration,
	"retry-predicate": oneOf("lookup_miss"),
	"retry-strategy":  oneOf("fixed_delay", "exponential_delay"),
	"fixed-delay":     isDuration,
	"max-attempts":    isCount,
	"initial-delay":   isDuration,
	"multiplier":      isMultiplier,
	"max-delay":       isDuration,
	"expire-after":    isDuration,
	"expired-table":   func(s string) bool { return s != "" },
	"shuffle":         isBoolean,
}

func isBoolean(s string) bool { return oneOf("true", "false")(s) }

func isDuration(s string) bool {
	d, ok := Duration(s)
	return ok && d > 0
}

func isCount(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && n > 0
}

func isMultiplier(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f >= 1
}

func oneOf(values ...string) func(string) bool {
	return func(s string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, s) })
	}
}

// needs are the options that make no sense without others.
var needs = map[string][]string{
	"retry-predicate":   {"retry-strategy"},
	"retry-strategy":    {"retry-predicate", "max-attempts"},
	"fixed_delay":       {"fixed-delay"},
	"exponential_delay": {"initial-delay"},
	"expired-table":     {"expire-after"},
}

// lookupOptions are the options of the LOOKUP hint for a table of FROM, nil for
// none. Of several hints the first one counts, as in Flink.
func (b *binder) lookupOptions(table string) (options map[string]string, ok bool) {
	for _, h := range b.hints {
		if !strings.EqualFold(h.Name.Text, "LOOKUP") {
			continue
		}
		options, ok = b.checkedOptions(h)
		if !ok {
			return nil, false
		}
		if options["table"] == table {
			delete(options, "table")
			return options, true
		}
	}
	return nil, true
}

func (b *binder) checkedOptions(h *sql.Hint) (options map[string]string, ok bool) {
	options = map[string]string{}
	for _, o := range h.Options {
		key := strings.ToLower(o.Key.Text)
		check, known := lookupChecks[key]
		switch {
		case !known:
			b.wrong(o.Key.Pos(), problem.InvalidOption, didYouMean(key, slices.Sorted(maps.Keys(lookupChecks)), "its options are "+listed(slices.Sorted(maps.Keys(lookupChecks)))), "LOOKUP has no option '%s'", o.Key.Text)
			return nil, false
		case !check(o.Value.Text):
			b.wrong(o.Value.Pos(), problem.InvalidOption, "write a number, a duration such as '10 s', true or false, as it needs", "'%s' of LOOKUP cannot be '%s'", key, o.Value.Text)
			return nil, false
		}
		options[key] = o.Value.Text
	}
	if options["table"] == "" {
		b.wrong(h.Pos(), problem.InvalidOption, "add 'table' = 't' with the name that the table has in FROM", "LOOKUP does not say for which table it is")
		return nil, false
	}
	for _, given := range append(slices.Sorted(maps.Keys(options)), strings.ToLower(options["retry-strategy"])) {
		for _, other := range needs[given] {
			if options[other] == "" {
				b.wrong(h.Pos(), problem.InvalidOption, "add '"+other+"'", "'%s' of LOOKUP needs '%s'", given, other)
				return nil, false
			}
		}
	}
	return options, true
}
