package function

import (
	"bytes"
	"slices"

	"tidemark/base/batch"
)

// JSON_ARRAYAGG and JSON_OBJECTAGG are lists of JSON texts: elements as they
// are shown, members as a block of the key and then the value.

// jsonConstructorOf reads the clauses of a JSON aggregate; the zero constructor
// for any other.
func jsonConstructorOf(c *call, show listing) constructor {
	onNull := "ABSENT"
	switch show {
	case showJSONArray:
	case showJSONObject:
		onNull = "NULL"
	default:
		return constructor{}
	}
	k, _ := constructorOf(c, onNull)
	return k
}

// checkJSONAggregate refuses values, of argument i, that JSON cannot hold.
func checkJSONAggregate(i int) func(*call) error {
	return func(c *call) error { return checkJSONTypes(c, i, i+1, 1) }
}

func (s *ordered) takeElement(c *batch.Column, i int) bool {
	if s.json.absent && c.IsNull(i) {
		return false
	}
	s.key = appendElement(s.key, c, i, s.json.raw[0])
	return true
}

func (s *ordered) takeMember(args []*batch.Column, i int) bool {
	if args[0].IsNull(i) || s.json.absent && args[1].IsNull(i) {
		return false
	}
	s.key = appendBlock(s.key, args[0].Bytes(i))
	s.key = appendElement(s.key, args[1], i, s.json.raw[0])
	return true
}

func (s *ordered) showElements(group uint32, out *batch.Column, i int) {
	start := len(out.Heap)
	out.Heap = append(out.Heap, '[')
	s.values.each(group, func(element []byte) {
		if len(out.Heap) > start+1 {
			out.Heap = append(out.Heap, ',')
		}
		out.Heap = append(out.Heap, element...)
	})
	out.Heap = append(out.Heap, ']')
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
}

func (s *ordered) showMembers(group uint32, out *batch.Column, i int) {
	type member struct{ key, value []byte }
	var members []member
	s.values.each(group, func(item []byte) {
		if key, text, err := readBlock(item); err == nil {
			members = append(members, member{key, text})
		}
	})
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	start := len(out.Heap)
	out.Heap = append(out.Heap, '{')
	for m, at := range members {
		if m+1 < len(members) && bytes.Equal(members[m+1].key, at.key) {
			continue
		}
		if len(out.Heap) > start+1 {
			out.Heap = append(out.Heap, ',')
		}
		out.Heap = append(appendJSONString(out.Heap, at.key), ':')
		out.Heap = append(out.Heap, at.value...)
	}
	out.Heap = append(out.Heap, '}')
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
}
