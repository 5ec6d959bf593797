package function

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// listing is what a sequence of values is shown as.
type listing uint8

const (
	showFirst      listing = iota // FIRST_VALUE: the first
	showLast                      // LAST_VALUE: the last
	showText                      // LISTAGG: all, joined by a separator
	showArray                     // ARRAY_AGG: all, NULLs too
	showValues                    // COLLECT: all, as an array without NULLs
	showJSONArray                 // JSON_ARRAYAGG: all, as JSON
	showJSONObject                // JSON_OBJECTAGG: all, as members of a JSON object
)

// ordered is the aggregates that know the order of their values.
type ordered struct {
	show      listing
	separator string
	json      constructor
	values    sequence
	key       []byte
}

func newOrdered(show listing) func(*call) func(*plan.Context) plan.Accumulator {
	return func(c *call) func(*plan.Context) plan.Accumulator {
		separator := ","
		if text, ok := c.literalText(1); ok && show == showText {
			separator = text
		}
		json := jsonConstructorOf(c, show)
		return func(ctx *plan.Context) plan.Accumulator {
			retracts := ctx != nil && ctx.Retracts
			if !retracts && (show == showFirst || show == showLast) {
				return &edge{last: show == showLast}
			}
			return &ordered{show: show, separator: separator, json: json, values: newSequence(retracts)}
		}
	}
}

func (s *ordered) Resize(n int) { s.values.resize(n) }

func (s *ordered) Update(groups []uint32, args []*batch.Column, retract []bool) {
	if !s.values.indexed {
		appendOnly(retract)
	}
	for i, g := range groups {
		if !s.take(args, i) {
			continue
		}
		if retract != nil && retract[i] {
			s.values.take(g, s.key)
		} else {
			s.values.push(g, s.key)
		}
	}
}

// take makes the key of row i, as the listing needs it; false passes it over.
func (s *ordered) take(args []*batch.Column, i int) bool {
	s.key = s.key[:0]
	switch {
	case s.show == showArray:
		s.key = appendPart(s.key, args[0], i)
	case s.show == showJSONArray:
		return s.takeElement(args[0], i)
	case s.show == showJSONObject:
		return s.takeMember(args, i)
	case args[0].IsNull(i):
		return false
	default:
		s.key = appendKey(s.key, args[0], i)
	}
	return true
}

func (s *ordered) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*ordered)
	for i, g := range into {
		s.values.merge(g, &o.values, from[i])
	}
}

func (s *ordered) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		if s.values.size(g) == 0 && s.show < showValues {
			out.SetNull(i)
			continue
		}
		switch s.show {
		case showFirst:
			s.set(out, i, s.values.groups[g].first)
		case showLast:
			s.set(out, i, s.values.groups[g].last)
		case showText:
			s.join(g, out, i)
		case showArray, showValues:
			s.collect(g, out, i)
		case showJSONArray:
			s.showElements(g, out, i)
		case showJSONObject:
			s.showMembers(g, out, i)
		}
	}
}

// set writes an item, given plus one.
func (s *ordered) set(out *batch.Column, i int, item int32) {
	if setKey(out, i, s.values.key(item-1)) != nil {
		out.SetNull(i)
	}
}

func (s *ordered) join(group uint32, out *batch.Column, i int) {
	start := len(out.Heap)
	separator := ""
	s.values.each(group, func(key []byte) {
		out.Heap = append(out.Heap, separator...)
		out.Heap = append(out.Heap, key...)
		separator = s.separator
	})
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
}

func (s *ordered) collect(group uint32, out *batch.Column, i int) {
	elements := out.Children[0]
	start := elements.Len()
	s.values.each(group, func(key []byte) {
		n := elements.Len()
		elements.Resize(n + 1)
		var err error
		if s.show == showArray {
			_, err = setPart(elements, n, key)
		} else {
			err = setKey(elements, n, key)
		}
		if err != nil {
			elements.SetNull(n)
		}
	})
	out.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(elements.Len() - start)}
}

func (s *ordered) Encode(group uint32, to []byte) []byte { return s.values.encode(group, to) }

func (s *ordered) Decode(group uint32, from []byte) ([]byte, error) {
	return s.values.decode(group, from)
}

func (s *ordered) Clear(group uint32) { s.values.clear(group) }

// constantSeparator refuses a separator that is no constant.
func constantSeparator(c *call) error {
	if len(c.Args) < 2 {
		return nil
	}
	if _, ok := c.literalText(1); ok {
		return nil
	}
	return problem.New(problem.TypeMismatch, "the separator of LISTAGG must be a constant text").WithHint("write LISTAGG(x, ', ')")
}

// arrayOfArgument is the type of ARRAY_AGG and, without NULLs, of COLLECT.
func arrayOfArgument(params []value.Type) value.Type {
	return value.ArrayOf(params[0]).WithNullability(params[0].NotNull)
}
