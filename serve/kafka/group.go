package kafka

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// groups are the groups of consumers that have members. They agree who reads
// what: the members join, one of them, the leader, divides the partitions, and all
// get their part; then they send heartbeats until somebody comes or goes. What
// they have committed is the coordinator's business. After a restart nobody is a
// member any more, and clients join again by themselves.
type groups struct {
	now  func() time.Time
	stop context.CancelFunc
	all  sync.WaitGroup
	mu   struct {
		sync.Mutex
		groups map[string]*group
	}
}

// groupState is where a group is on its way.
type groupState string

const (
	groupEmpty   groupState = "Empty"
	groupJoining groupState = "PreparingRebalance"  // members come together
	groupSyncing groupState = "CompletingRebalance" // the leader divides
	groupStable  groupState = "Stable"
)

// group is guarded by groups.mu.
type group struct {
	state        groupState
	generation   int32
	protocolType string
	protocol     string // that all members know, chosen when the join was complete
	leader       string
	members      map[string]*member
	invited      map[string]time.Time // ids that were given, and until when they are good
	deadline     time.Time            // of joining or syncing
}

// member is guarded by groups.mu.
type member struct {
	id, instance string // instance is "" unless the member keeps its place over restarts
	client, host string
	session      time.Duration // how long it may be silent
	rebalance    time.Duration // how long it may take to join again
	protocols    []protocol
	assignment   []byte
	heard        time.Time
	joining      chan joined // not nil while a join waits for its answer
	syncing      chan synced // the same of a sync
}

// protocol is a way of dividing partitions, and what a member says for it.
type protocol struct {
	name     string
	metadata []byte
}

// joined is the answer to a join.
type joined struct {
	code                 int16
	member, leader       string
	generation           int32
	protocolType, chosen string
	members              []protocolOf // for the leader
}

// protocolOf is what a member says for the chosen protocol.
type protocolOf struct {
	member, instance string
	metadata         []byte
}

// synced is the answer to a sync.
type synced struct {
	code                   int16
	protocolType, protocol string
	assignment             []byte
}

func newGroups(ctx context.Context, now func() time.Time) *groups {
	g := &groups{now: now}
	g.mu.groups = map[string]*group{}
	ctx, g.stop = context.WithCancel(ctx)
	g.all.Go(func() { g.watch(ctx) })
	return g
}

func (g *groups) close() {
	g.stop()
	g.all.Wait()
}

// watch removes members that are silent for too long.
func (g *groups) watch(ctx context.Context) {
	ticker := time.NewTicker(groupInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			g.expire()
		case <-ctx.Done():
			return
		}
	}
}

func (g *groups) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for name, one := range g.mu.groups {
		for id, until := range one.invited {
			if now.After(until) {
				delete(one.invited, id)
			}
		}
		for _, m := range one.members {
			if m.joining == nil && m.syncing == nil && now.Sub(m.heard) > m.session {
				one.remove(m, unknownMemberID, now)
			}
		}
		if now.After(one.deadline) {
			one.overdue(now)
		}
		if len(one.members) == 0 && len(one.invited) == 0 {
			delete(g.mu.groups, name)
		}
	}
}

// overdue goes on without those who have not come in time.
func (o *group) overdue(now time.Time) {
	missing := 0
	for _, m := range o.members {
		if o.state == groupJoining && m.joining == nil || o.state == groupSyncing && m.syncing == nil {
			o.drop(m, unknownMemberID)
			missing++
		}
	}
	switch {
	case missing == 0:
	case len(o.members) == 0:
		o.complete(now)
	default:
		o.gather(now)
	}
}

// joinRequest is a join as a member says it.
type joinRequest struct {
	group, member, instance string
	client, host            string
	session, rebalance      time.Duration
	protocolType            string
	protocols               []protocol
	needsID                 bool // a member without an id gets one and comes again with it
}

// join makes somebody a member and waits until the group is together.
func (g *groups) join(ctx context.Context, r joinRequest) joined {
	answer, wait := g.enter(r)
	if wait == nil {
		return answer
	}
	select {
	case answer := <-wait:
		return answer
	case <-ctx.Done():
		return joined{code: coordinatorNotAvailable, member: r.member}
	}
}

// enter does everything of a join but to wait.
func (g *groups) enter(r joinRequest) (joined, chan joined) {
	refused := func(code int16) (joined, chan joined) {
		return joined{code: code, member: r.member, generation: -1}, nil
	}
	switch size := 0; {
	case r.group == "":
		return refused(invalidGroupID)
	case r.session < sessionMin || r.session > sessionMax:
		return refused(invalidSessionTimeout)
	case len(r.protocols) == 0 || r.protocolType == "":
		return refused(inconsistentProtocol)
	default:
		for _, p := range r.protocols {
			size += len(p.name) + len(p.metadata)
		}
		if size > memberBytesMax {
			return refused(groupMaxSizeReached)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	one := g.mu.groups[r.group]
	if one == nil {
		if r.member != "" {
			return refused(unknownMemberID)
		}
		if len(g.mu.groups) >= groupsMax {
			return refused(coordinatorNotAvailable)
		}
		one = &group{state: groupEmpty, members: map[string]*member{}, invited: map[string]time.Time{}}
		g.mu.groups[r.group] = one
	}
	m, code := one.recognize(r, now)
	if code == memberIDRequired {
		return joined{code: code, member: m.id, generation: -1}, nil
	}
	if code != 0 {
		return refused(code)
	}
	return one.join(m, r, now)
}

// recognize finds the member that joins, or makes it.
func (o *group) recognize(r joinRequest, now time.Time) (*member, int16) {
	m := o.members[r.member]
	_, invited := o.invited[r.member]
	static := o.static(r.instance)
	switch {
	case r.member != "" && static != nil && static.id != r.member:
		return nil, fencedInstanceID
	case r.member != "" && m == nil && !invited:
		return nil, unknownMemberID
	case !o.fits(r):
		return nil, inconsistentProtocol
	case m != nil:
		return m, 0
	case len(o.members)+len(o.invited) >= membersMax && !invited:
		return nil, groupMaxSizeReached
	}
	id := r.member
	if id == "" {
		id = cmp.Or(r.instance, r.client, "member") + "-" + uuid.NewString()
	}
	m = &member{id: id, instance: r.instance, client: r.client, host: r.host}
	if r.member == "" && r.instance == "" && r.needsID {
		o.invited[id] = now.Add(r.session)
		return m, memberIDRequired
	}
	if static != nil {
		// It has been started again: it takes the place of what it was before.
		o.drop(static, fencedInstanceID)
	}
	delete(o.invited, id)
	o.members[id] = m
	return m, 0
}

// static finds the member that keeps its place under a name.
func (o *group) static(instance string) *member {
	for _, m := range o.members {
		if instance != "" && m.instance == instance {
			return m
		}
	}
	return nil
}

// fits reports whether there is a protocol that the joining member has in common
// with all others.
func (o *group) fits(r joinRequest) bool {
	others := 0
	for id := range o.members {
		if id != r.member {
			others++
		}
	}
	if others == 0 {
		return true
	}
	return r.protocolType == o.protocolType && slices.ContainsFunc(r.protocols, func(p protocol) bool { return o.allKnow(p.name, r.member) })
}

// allKnow reports whether all members but one know a protocol.
func (o *group) allKnow(name, but string) bool {
	for id, m := range o.members {
		if id != but && !slices.ContainsFunc(m.protocols, func(p protocol) bool { return p.name == name }) {
			return false
		}
	}
	return true
}

// join notes what a member says, and brings the group together anew if it must.
func (o *group) join(m *member, r joinRequest, now time.Time) (joined, chan joined) {
	same := slices.EqualFunc(m.protocols, r.protocols, func(a, b protocol) bool { return a.name == b.name && bytes.Equal(a.metadata, b.metadata) })
	m.protocols, m.session, m.rebalance, m.heard, m.client, m.host = r.protocols, r.session, min(max(r.rebalance, r.session), sessionMax), now, r.client, r.host
	o.protocolType = r.protocolType
	// A follower that says the same again has lost an answer; the leader wants the
	// partitions to be divided anew.
	if same && (o.state == groupSyncing || o.state == groupStable && m.id != o.leader) {
		return o.answer(m), nil
	}
	if m.joining != nil {
		m.joining <- joined{code: unknownMemberID, member: m.id} // of a connection that is gone
	}
	m.joining = make(chan joined, 1)
	wait := m.joining
	o.gather(now)
	return joined{}, wait
}

// gather asks all members to join again, and completes the join when they have.
func (o *group) gather(now time.Time) {
	if o.state != groupJoining {
		o.state = groupJoining
		var longest time.Duration
		for _, m := range o.members {
			longest = max(longest, m.rebalance)
			m.answerSync(synced{code: rebalanceInProgress})
		}
		o.deadline = now.Add(longest)
	}
	for _, m := range o.members {
		if m.joining == nil {
			return
		}
	}
	o.complete(now)
}

// complete begins the next generation with those who have joined.
func (o *group) complete(now time.Time) {
	o.generation++
	if len(o.members) == 0 {
		o.state, o.leader, o.protocol = groupEmpty, "", ""
		return
	}
	o.state = groupSyncing
	if _, stays := o.members[o.leader]; !stays {
		o.leader = ""
		for id := range o.members {
			if o.leader == "" || id < o.leader {
				o.leader = id
			}
		}
	}
	o.protocol = o.vote()
	var longest time.Duration
	for _, m := range o.members {
		longest = max(longest, m.rebalance)
		m.assignment, m.heard = nil, now
	}
	o.deadline = now.Add(longest)
	for _, m := range o.members {
		m.joining <- o.answer(m)
		m.joining = nil
	}
}

// vote chooses the protocol that the leader likes best of those that all know.
func (o *group) vote() string {
	for _, p := range o.members[o.leader].protocols {
		if o.allKnow(p.name, "") {
			return p.name
		}
	}
	return "" // fits has seen to it that there is one
}

// answer is what a member is told of the generation.
func (o *group) answer(m *member) joined {
	a := joined{member: m.id, leader: o.leader, generation: o.generation, protocolType: o.protocolType, chosen: o.protocol}
	if m.id != o.leader {
		return a
	}
	for _, other := range o.members {
		p := protocolOf{member: other.id, instance: other.instance}
		for _, known := range other.protocols {
			if known.name == o.protocol {
				p.metadata = known.metadata
			}
		}
		a.members = append(a.members, p)
	}
	slices.SortFunc(a.members, func(a, b protocolOf) int { return bytes.Compare([]byte(a.member), []byte(b.member)) })
	return a
}

// remove takes a member out; the others have to come together anew.
func (o *group) remove(m *member, code int16, now time.Time) {
	o.drop(m, code)
	if len(o.members) == 0 {
		o.complete(now)
		return
	}
	o.gather(now)
}

// drop takes a member out and tells those who wait for it.
func (o *group) drop(m *member, code int16) {
	delete(o.members, m.id)
	if m.joining != nil {
		m.joining <- joined{code: code, member: m.id}
		m.joining = nil
	}
	m.answerSync(synced{code: code})
}

func (m *member) answerSync(a synced) {
	if m.syncing != nil {
		m.syncing <- a
		m.syncing = nil
	}
}

// find finds a member by what a request says of it.
func (g *groups) find(name, id, instance string, generation int32) (*group, *member, int16) {
	one := g.mu.groups[name]
	if one == nil {
		return nil, nil, unknownMemberID
	}
	if static := one.static(instance); static != nil && static.id != id {
		return one, nil, fencedInstanceID
	}
	m := one.members[id]
	switch {
	case m == nil:
		return one, nil, unknownMemberID
	case generation != one.generation:
		return one, m, illegalGeneration
	}
	m.heard = g.now()
	return one, m, 0
}

// sync hands the leader's division over and waits for a member's part of it.
func (g *groups) sync(ctx context.Context, name, id, instance string, generation int32, parts map[string][]byte) synced {
	wait, answer := g.enterSync(name, id, instance, generation, parts)
	if wait == nil {
		return answer
	}
	select {
	case answer := <-wait:
		return answer
	case <-ctx.Done():
		return synced{code: coordinatorNotAvailable}
	}
}

func (g *groups) enterSync(name, id, instance string, generation int32, parts map[string][]byte) (chan synced, synced) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, m, code := g.find(name, id, instance, generation)
	switch {
	case code != 0:
		return nil, synced{code: code}
	case one.state == groupJoining:
		return nil, synced{code: rebalanceInProgress}
	case one.state == groupStable:
		return nil, one.part(m)
	}
	m.answerSync(synced{code: unknownMemberID}) // of a connection that is gone
	m.syncing = make(chan synced, 1)
	wait := m.syncing
	if id == one.leader {
		one.state, one.deadline = groupStable, g.now().Add(sessionMax)
		for _, other := range one.members {
			if part := parts[other.id]; len(part) <= memberBytesMax {
				other.assignment = part
			}
			other.answerSync(one.part(other))
		}
	}
	return wait, synced{}
}

func (o *group) part(m *member) synced {
	return synced{protocolType: o.protocolType, protocol: o.protocol, assignment: m.assignment}
}

// heartbeat notes that a member lives, and tells it when it has to join again.
func (g *groups) heartbeat(name, id, instance string, generation int32) int16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, _, code := g.find(name, id, instance, generation)
	if code == 0 && one.state == groupJoining {
		return rebalanceInProgress
	}
	return code
}

// leave takes a member out at its own wish.
func (g *groups) leave(name, id, instance string) int16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.mu.groups[name]
	if one == nil {
		return unknownMemberID
	}
	if static := one.static(instance); id == "" && static != nil {
		id = static.id
	}
	m := one.members[id]
	if m == nil {
		if _, invited := one.invited[id]; invited {
			delete(one.invited, id)
			return 0
		}
		return unknownMemberID
	}
	one.remove(m, unknownMemberID, g.now())
	return 0
}

// check decides whether somebody may commit offsets of a group: a member of this
// generation, or anybody while the group has no members.
func (g *groups) check(name, id, instance string, generation int32) int16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.mu.groups[name]
	if generation < 0 && id == "" {
		if one != nil && len(one.members) > 0 {
			return unknownMemberID
		}
		return 0
	}
	one, _, code := g.find(name, id, instance, generation)
	if code == 0 && one.state == groupSyncing {
		return rebalanceInProgress
	}
	return code
}

// view is what others may know of a group.
type view struct {
	state                  groupState
	protocolType, protocol string
	members                []memberView
}

type memberView struct {
	id, instance, client, host string
	metadata, assignment       []byte
}

// view describes a group; it is not known when it has no members.
func (g *groups) view(name string) (view, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.mu.groups[name]
	if one == nil || len(one.members) == 0 {
		return view{state: groupEmpty}, false
	}
	v := view{state: one.state, protocolType: one.protocolType, protocol: one.protocol}
	for _, m := range one.members {
		w := memberView{id: m.id, instance: m.instance, client: m.client, host: m.host, assignment: m.assignment}
		for _, p := range m.protocols {
			if p.name == one.protocol {
				w.metadata = p.metadata
			}
		}
		v.members = append(v.members, w)
	}
	slices.SortFunc(v.members, func(a, b memberView) int { return bytes.Compare([]byte(a.id), []byte(b.id)) })
	return v, true
}

// names are the groups that have members.
func (g *groups) names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for name, one := range g.mu.groups {
		if len(one.members) > 0 {
			names = append(names, name)
		}
	}
	return names
}
