package plan

import (
	"maps"
	"slices"
	"strings"
	"time"
)

func printJoin(n *Join, line, property linePrinter) {
	left, right := n.Left.Schema(), n.Right.Schema()
	line("Join %s", n.Kind)
	printJoinKeys(property, n.Keys, left, right)
	if i := n.Interval; i != nil {
		property("interval: %s within [%s, %s] of %s", columnName(right, i.Right), milliseconds(i.Lower), milliseconds(i.Upper), columnName(left, i.Left))
	}
	if w := n.Window; w != nil {
		property("window: until %s and %s", columnName(left, w.Left), columnName(right, w.Right))
	}
	printCondition(property, n.Condition, append(append(Schema(nil), left...), right...))
	printJoinBound(property, "left", "right", n.Bounds[0], left, right)
	printJoinBound(property, "right", "left", n.Bounds[1], right, left)
	if n.Interval == nil && n.Window == nil {
		printJoinTTL(property, n.TTL)
	}
}

func printJoinBound(property linePrinter, side, other string, b *JoinBound, own, others Schema) {
	if b == nil {
		return
	}
	until := columnName(own, b.Until)
	switch {
	case b.Plus > 0:
		until += " + " + milliseconds(b.Plus).String()
	case b.Plus < 0:
		until += " - " + milliseconds(-b.Plus).String()
	}
	property("forgets %s: at %s, and drops late rows of %s by %s", side, until, other, columnName(others, b.Time))
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func printJoinKeys(property linePrinter, keys []JoinKey, left, right Schema) {
	for _, k := range keys {
		equals := "="
		if k.NullSafe {
			equals = "IS NOT DISTINCT FROM"
		}
		property("key: %s %s %s", columnName(left, k.Left), equals, columnName(right, k.Right))
	}
}

func printCondition(property linePrinter, condition Expr, in Schema) {
	if condition == nil {
		return
	}
	for _, c := range Conjuncts(condition) {
		property("condition: %s", PrintExpr(c, in))
	}
}

func printLookupJoin(n *LookupJoin, line, property linePrinter) {
	in, looked := n.Input.Schema(), n.Looked()
	line("LookupJoin %s %s", n.Kind, n.Table.Name)
	for _, c := range looked {
		property("%s", printColumn(c))
	}
	for _, k := range n.Keys {
		property("key: %s = %s", columnName(looked, k.Column), PrintExpr(k.Value, in))
	}
	printCondition(property, n.Condition, append(append(Schema(nil), in...), looked...))
	for _, name := range slices.Sorted(maps.Keys(n.Options)) {
		property("option %s: %s", name, n.Options[name])
	}
}

func columnNames(s Schema, columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = columnName(s, c)
	}
	return "(" + strings.Join(names, ", ") + ")"
}
