package ads

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// What the traffic looks like.
const (
	lateShare   = 0.002 // of devices that deliver minutes late
	slowShare   = 0.06  // of devices that deliver some seconds late
	badShare    = 0.001 // of rows that cannot be read
	errorShare  = 0.012 // of impressions that could not be shown
	clickPause  = 12 * time.Second
	testShare   = 0.003 // of impressions of test campaigns, which the DWD layer drops
	dailySwing  = 0.45  // how much more traffic there is at the busiest hour than on average
	busiestHour = 20.5
)

// campaign is an advertiser's, with its own size, price and appeal.
type campaign struct {
	id           int64
	name         string
	share        float64 // of all impressions, relative
	clickRate    float64
	costPerShow  float64
	peakHour     float64 // when it is at its best
	peakSharpens float64
}

var names = []string{
	"Harbour Lights", "Blue Kettle", "Northwind Air", "Lantern Bank", "Fjord Coffee", "Paper Crane Travel", "Saffron Kitchen", "Tall Ships Insurance",
	"Willow Home", "Quartz Watches", "Open Road Bikes", "Juniper Skin", "Cloudberry Mobile", "Redwood Tools", "Little Otter Toys", "Moonrise Games",
	"Granite Fitness", "Seven Bridges Tea", "Kestrel Optics", "Orchard Juice", "Polar Outdoor", "Copper Pan", "Silk Road Books", "Tideline Swim",
}

var devices = []string{"phone", "phone", "phone", "phone", "phone", "phone", "desktop", "desktop", "tablet", "tv"}

// Events are rows for the two tables, as NDJSON.
type Events struct {
	Impressions, Clicks       []byte
	ImpressionRows, ClickRows int
}

// Traffic makes events. It is used by one goroutine.
type Traffic struct {
	random    *rand.Rand
	rate      float64 // impressions per second on average
	campaigns []campaign
	total     float64
	next      time.Time // when the next impression happens
	pending   arrivals
	requests  int64
}

// NewTraffic starts traffic of about rate impressions a second at the given time.
func NewTraffic(seed uint64, rate float64, start time.Time) *Traffic {
	t := &Traffic{random: rand.New(rand.NewPCG(seed, 0x7469646d61726b)), rate: rate, next: start}
	for i, name := range names {
		c := campaign{
			id: int64(100 + i), name: name,
			share:        math.Exp(-float64(i) / 7),
			clickRate:    0.008 + 0.03*t.random.Float64(),
			costPerShow:  0.002 + 0.01*t.random.Float64(),
			peakHour:     24 * t.random.Float64(),
			peakSharpens: 0.5 * t.random.Float64(),
		}
		t.campaigns = append(t.campaigns, c)
		t.total += c.share
	}
	return t
}

// Until gives everything that arrives up to now and was not given before.
func (t *Traffic) Until(now time.Time) Events {
	for !t.next.After(now) {
		t.impression(t.next)
		busy := 1 + dailySwing*math.Cos(2*math.Pi*(hour(t.next)-busiestHour)/24)
		t.next = t.next.Add(time.Duration(t.random.ExpFloat64() / (t.rate * busy) * float64(time.Second)))
	}
	var e Events
	for len(t.pending) > 0 && !t.pending[0].at.After(now) {
		row := heap.Pop(&t.pending).(arrival)
		if row.click {
			e.Clicks = append(append(e.Clicks, row.text...), '\n')
			e.ClickRows++
		} else {
			e.Impressions = append(append(e.Impressions, row.text...), '\n')
			e.ImpressionRows++
		}
	}
	return e
}

func hour(at time.Time) float64 {
	at = at.UTC()
	return float64(at.Hour()) + float64(at.Minute())/60
}

// impression makes one impression, and perhaps its click, and sends them off.
func (t *Traffic) impression(at time.Time) {
	t.requests++
	c := t.pick(at)
	id, name := c.id, c.name
	if t.random.Float64() < testShare {
		id, name = -1, "test"
	}
	device := devices[t.random.IntN(len(devices))]
	request := fmt.Sprintf("%08x-%06x", t.requests, t.random.IntN(1<<24))
	failed := "null"
	if t.random.Float64() < errorShare {
		failed = `"timeout"`
	}
	cost := c.costPerShow * (0.8 + 0.4*t.random.Float64())
	text := fmt.Sprintf(`{"request_id":"%s","campaign_id":%d,"campaign":"%s","device":"%s","device_id":"d%06x","cost":%.4f,"error":%s,"ts":"%s"}`,
		request, id, name, device, t.random.IntN(1<<20), cost, failed, stamp(at))
	t.send(at, false, text)
	if failed == "null" && t.random.Float64() < c.clickRate {
		clicked := at.Add(time.Duration((0.3 + t.random.ExpFloat64()) * float64(clickPause)))
		t.send(clicked, true, fmt.Sprintf(`{"request_id":"%s","campaign_id":%d,"campaign":"%s","device":"%s","ts":"%s"}`, request, id, name, device, stamp(clicked)))
	}
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// pick chooses a campaign by its share at this hour.
func (t *Traffic) pick(at time.Time) campaign {
	h := hour(at)
	for {
		x := t.random.Float64() * t.total
		for _, c := range t.campaigns {
			if x -= c.share; x > 0 {
				continue
			}
			if t.random.Float64() < 1-c.peakSharpens*(1-math.Cos(2*math.Pi*(h-c.peakHour)/24))/2 {
				return c
			}
			break
		}
	}
}

// send puts a row on its way: most arrive within a second or two, some devices
// are slow, a few deliver when they are next online. Some rows are damaged.
func (t *Traffic) send(at time.Time, click bool, text string) {
	delay := 0.15 + 0.4*t.random.ExpFloat64()
	switch x := t.random.Float64(); {
	case x < lateShare:
		delay = 30 + 180*t.random.ExpFloat64()
	case x < lateShare+slowShare:
		delay = 1 + t.random.Float64()*3
	}
	if t.random.Float64() < badShare {
		text = t.damage(text)
	}
	heap.Push(&t.pending, arrival{at: at.Add(time.Duration(delay * float64(time.Second))), click: click, text: text, order: t.requests})
}

func (t *Traffic) damage(text string) string {
	if t.random.IntN(2) == 0 {
		return text[:len(text)/2]
	}
	return fmt.Sprintf(`{"request_id":"broken","campaign_id":"not a number","ts":"%s"}`, "yesterday")
}

// arrival is a row on its way.
type arrival struct {
	at    time.Time
	click bool
	text  string
	order int64
}

type arrivals []arrival

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].order < a[j].order
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// SetRate changes how many impressions a second there are from now on.
func (t *Traffic) SetRate(rate float64) { t.rate = rate }
