package flink

import (
	"reflect"
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// places leads from the text that Flink was sent back to the user's text.
type places struct {
	sent  string
	whole problem.Position // of the statement
	nodes []pair
}

// pair is a node in both texts: its extent in the one that was sent, and where
// it starts in the user's.
type pair struct {
	start, end int
	users      problem.Position
}

// placesOf reads the text that was printed of a statement; printing keeps the
// shape of the tree, so that its nodes pair up. Where the shapes differ, what
// lies below has the place of what lies above.
func placesOf(statement sql.Statement, sent string) *places {
	p := &places{sent: sent, whole: statement.Pos()}
	if again, err := parse.Statement(sent); err == nil {
		p.pair(statement, again)
	}
	return p
}

func (p *places) pair(users, again sql.Node) {
	if reflect.TypeOf(users) != reflect.TypeOf(again) {
		return
	}
	start, end := again.Extent()
	p.nodes = append(p.nodes, pair{start, end, users.Pos()})
	first, second := childrenOf(users), childrenOf(again)
	if len(first) != len(second) {
		return
	}
	for i := range first {
		p.pair(first[i], second[i])
	}
}

func childrenOf(n sql.Node) []sql.Node {
	var all []sql.Node
	sql.Children(n, func(child sql.Node) { all = append(all, child) })
	return all
}

// at gives the user's place for a line and column that Flink names: where the
// smallest node around it starts.
func (p *places) at(line, column int) problem.Position {
	offset := p.offset(line, column)
	best, found := pair{users: p.whole}, false
	for _, n := range p.nodes {
		around := n.start <= offset && offset < n.end && !n.users.IsZero()
		if around && (!found || n.end-n.start <= best.end-best.start) {
			best, found = n, true
		}
	}
	return best.users
}

// offset turns a line and column, both from 1, into bytes. Flink counts UTF-16
// units.
func (p *places) offset(line, column int) int {
	rest, offset := p.sent, 0
	for ; line > 1; line-- {
		_, below, found := strings.Cut(rest, "\n")
		if !found {
			break
		}
		offset += len(rest) - len(below)
		rest = below
	}
	units := 1
	for i, r := range rest {
		if units >= column || r == '\n' {
			return offset + i
		}
		if units++; r > 0xFFFF {
			units++
		}
	}
	return offset + len(rest)
}
