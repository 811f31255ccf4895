package faultinject_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/content"
)

// world is a run in which nodes do as they should, or not: chunks of 64 KiB,
// of which the origin gives one to each client, or one to the mesh, at a time.
type world struct {
	t      *testing.T
	course *faultinject.Course
	what   faultinject.Run
	now    float64
	next   int // chunk of the origin
	gone   map[string]bool
	has    map[string]content.Set
	in     map[string]int64 // since the start
	out    map[string]int64
	bad    map[string]int64
	did    []faultinject.Do
	late   []labdir.Event // of processes that were killed

	// What may go wrong.
	forgets  bool  // a node that is started again begins anew
	hoards   bool  // nobody passes on
	waits    bool  // … while the origin is there
	believes bool  // a liar is not cut off
	atOnce   int64 // how many of its chunks a receiver takes before it knows; 0: one
	stuck    bool  // nothing goes on once the origin has been away
	lapse    bool  // … has been back
}

const chunk = 64 << 10

func newWorld(t *testing.T, name, text string, receivers, chunks int) *world {
	what := faultinject.Run{
		System: system.Named(name), Repetition: 1, Seed: 1, Origin: "origin", FileBytes: int64(chunks * chunk), Chunks: chunks,
		Links: system.Equal(receivers, 10*chunk, 10*chunk, 100*chunk),
	}
	w := &world{t: t, gone: map[string]bool{}, has: map[string]content.Set{}, in: map[string]int64{}, out: map[string]int64{}, bad: map[string]int64{}}
	for i := range receivers {
		what.Receivers = append(what.Receivers, "r"+string(rune('1'+i)))
		w.has[what.Receivers[i]] = content.NewSet(chunks)
	}
	all := parse(t, text)
	if err := faultinject.Check(all, receivers); err != nil {
		t.Fatal(err)
	}
	w.what, w.course = what, faultinject.NewPlan(all, what).Begin()
	return w
}

// run lets the world go on until its course is over, or for 300 s.
func (w *world) run() *world {
	for !w.course.Over() && w.now < 300 {
		w.now += 0.1
		w.step()
		w.catchUp()
		for _, name := range append([]string{"origin"}, w.what.Receivers...) {
			w.do(w.course.Event(w.reading(name)))
		}
	}
	return w
}

// catchUp tells what the processes that were killed had told before.
func (w *world) catchUp() {
	late := w.late
	w.late = nil
	for _, e := range late {
		e.Seconds = w.now
		w.do(w.course.Event(e))
	}
}

func (w *world) step() {
	if w.stuck && w.lapse {
		return
	}
	w.give()
	if !w.what.System.Relays || w.hoards || w.waits && !w.gone["origin"] {
		return
	}
	for _, from := range w.what.Receivers {
		for _, to := range w.what.Receivers {
			w.pass(from, to)
		}
	}
}

// give is the origin's part.
func (w *world) give() {
	if w.gone["origin"] {
		return
	}
	var lack []string
	for _, name := range w.what.Receivers {
		if w.gone[name] {
			continue
		}
		if w.what.System.Relays {
			if !w.has[name].Has(w.next) {
				lack = append(lack, name)
			}
			continue
		}
		if i, ok := content.FullSet(w.what.Chunks).Minus(w.has[name]).Next(0); ok {
			w.arrive("origin", name, i)
		}
	}
	if len(lack) > 0 {
		w.arrive("origin", lack[int(w.now*10)%len(lack)], w.next)
	}
	w.next = (w.next + 1) % w.what.Chunks
}

// pass brings at most two chunks from one receiver to another.
func (w *world) pass(from, to string) {
	if from == to || w.gone[from] || w.gone[to] || w.course.Trait(from) == "free-rider" {
		return
	}
	if w.course.Trait(from) == "liar" {
		if w.bad[to] < max(1, w.atOnce) || w.believes {
			w.bad[to]++
		}
		return
	}
	count := 0
	for i := range w.has[from].Minus(w.has[to]).All() {
		if w.arrive(from, to, i); count == 1 {
			return
		}
		count++
	}
}

func (w *world) arrive(from, to string, i int) {
	w.has[to].Add(i)
	w.in[to] += chunk
	w.out[from] += chunk
}

func (w *world) reading(name string) labdir.Event {
	r := labdir.Reading{Node: name, State: labdir.Running, InBytes: w.in[name], OutBytes: w.out[name], ChunksBad: w.bad[name]}
	if set, ok := w.has[name]; ok {
		r.HaveBytes = int64(set.Count()) * chunk
		r.ChunkMap = base64.StdEncoding.EncodeToString(set.Bytes())
		if set.Full() {
			r.State = labdir.Done
		}
	}
	if w.gone[name] {
		r.State = labdir.Gone
	}
	return labdir.Event{Seconds: w.now, Reading: &r}
}

func (w *world) do(all []faultinject.Do) {
	for _, do := range all {
		w.did = append(w.did, do)
		w.gone[do.Node] = do.Act != faultinject.Restart
		if do.Act != faultinject.Restart {
			continue
		}
		w.late = append(w.late, w.reading(do.Node))
		w.in[do.Node], w.out[do.Node], w.bad[do.Node] = 0, 0, 0
		w.lapse = w.lapse || do.Node == "origin"
		if w.forgets && do.Node != "origin" {
			w.has[do.Node] = content.NewSet(w.what.Chunks)
		}
		w.late = append(w.late, labdir.Event{Seconds: w.now, Note: &labdir.Note{Node: do.Node, Fault: true, Did: labdir.Started}})
	}
}

// judge returns what came of the only fault.
func (w *world) judge() labdir.Fault {
	verified := 0
	for name, set := range w.has {
		if set.Full() && !w.gone[name] && w.course.Excused(name) == "" {
			verified++
		}
	}
	return w.course.Judge(verified, w.now)[0]
}

func (w *world) acts(act faultinject.Act) (nodes []string) {
	for _, do := range w.did {
		if do.Act == act {
			nodes = append(nodes, do.Node)
		}
	}
	return nodes
}

func check(t *testing.T, f labdir.Fault, met bool, says ...string) {
	t.Helper()
	if f.Met != met {
		t.Errorf("met is %v: %s", f.Met, f.Found)
	}
	for _, s := range says {
		if !strings.Contains(f.Found, s) {
			t.Errorf("%q does not say %q", f.Found, s)
		}
	}
}

func TestAStarStandsStillWithoutItsServerAndGoesOn(t *testing.T) {
	w := newWorld(t, "star", "stop-origin@50%", 4, 64).run()
	check(t, w.judge(), true, "stopped at 3.2 s, with 50 % of all bytes arrived", "stood still", "All receivers got the file", "Nothing was fetched twice")
	if got := strings.Join(append(w.acts(faultinject.Stop), w.acts(faultinject.Restart)...), " "); got != "origin origin" {
		t.Errorf("stopped and started: %s", got)
	}
}

func TestAMeshStandsStillWhereChunksWereNotOut(t *testing.T) {
	w := newWorld(t, "mesh", "stop-origin@50%", 4, 64).run()
	f := w.judge()
	check(t, f, true, "of the chunks were out; the others existed nowhere else", "Each receiver got all of these", "came back", "All receivers got the file")
	if f.Seconds == nil || *f.Seconds < 1 || *f.Seconds > 6 || f.Nodes[0] != "origin" {
		t.Errorf("%v %v", f.Seconds, f.Nodes)
	}
}

func TestAMeshFinishesWithoutItsOriginWhereAllChunksWereOut(t *testing.T) {
	w := newWorld(t, "mesh", "stop-origin@12.5%", 8, 256) // one copy of eight
	w.waits = true
	check(t, w.run().judge(), true, "Every chunk was out, and all finished without it")
	if got := w.acts(faultinject.Restart); len(got) > 0 {
		t.Errorf("%v came back", got)
	}
}

func TestAMeshThatDoesNotSpreadWhatIsOutIsFoundOut(t *testing.T) {
	w := newWorld(t, "mesh", "stop-origin@10%", 4, 64)
	w.hoards = true
	check(t, w.run().judge(), false, "Not as expected: one receiver had only")
}

func TestReceiversThatDoNotGoOnAreFoundOut(t *testing.T) {
	for _, name := range []string{"star", "mesh"} {
		w := newWorld(t, name, "stop-origin@50%", 4, 64)
		w.stuck = true
		check(t, w.run().judge(), false, "Not as expected: r1, r2, r3, r4 did not get the file")
	}
}

func TestKilledReceiversAreExcusedAndTheOthersFinish(t *testing.T) {
	for _, name := range []string{"star", "mesh"} {
		w := newWorld(t, name, "kill-receivers:2@30%", 5, 64)
		for name := range w.has {
			if why := w.course.Excused(name); why != "" {
				t.Errorf("%s is excused before it was killed: %s", name, why)
			}
		}
		w.run()
		killed := w.acts(faultinject.Kill)
		check(t, w.judge(), true, strings.Join(killed, ", ")+" were killed at", "All 3 others got the file")
		if len(killed) != 2 || w.course.Excused(killed[0]) != "killed on purpose" {
			t.Errorf("killed %v", killed)
		}
	}
}

func TestChurnGoesOnFromWhatIsThere(t *testing.T) {
	for _, name := range []string{"star", "mesh"} {
		w := newWorld(t, name, "churn:1s", 4, 64).run()
		f := w.judge()
		check(t, f, true, "times a receiver was killed and started again", "All receivers got the file")
		if n := len(w.acts(faultinject.Restart)); n < 3 || len(f.Nodes) == 0 || f.Seconds == nil {
			t.Errorf("%d restarts, %v", n, f)
		}
	}
}

// TestReadingsOfAProcessThatWasKilledAreNotTakenForTheNextOnes: starting again
// takes time, in which the manager has more to tell than whom it killed.
func TestReadingsOfAProcessThatWasKilledAreNotTakenForTheNextOnes(t *testing.T) {
	w := newWorld(t, "star", "churn:1s", 1, 64)
	for i := range 48 {
		w.arrive("origin", "r1", i)
		w.now = float64(i) / 10
	}
	last := w.reading("r1")
	w.do(w.course.Event(last)) // it is killed
	if got := w.acts(faultinject.Restart); len(got) != 1 {
		t.Fatalf("%d restarts", len(got))
	}
	w.now += 2
	last.Seconds = w.now
	w.do(w.course.Event(last)) // it told that before
	if got := w.acts(faultinject.Restart); len(got) != 1 {
		t.Errorf("%d restarts of one that is being started again", len(got))
	}
	w.catchUp()
	w.run()
	check(t, w.judge(), true, "Nothing was fetched twice")
}

func TestChurnThatFetchesAgainIsFoundOut(t *testing.T) {
	w := newWorld(t, "star", "churn:3s", 2, 64)
	w.forgets = true
	check(t, w.run().judge(), false, "Not as expected: r", "more than it needed")
}

func TestFreeRidersGetTheFileAndGiveNothing(t *testing.T) {
	w := newWorld(t, "mesh", "free-rider:2", 4, 64).run()
	check(t, w.judge(), true, "They gave nothing", "times the bound", "All receivers got the file")
	w.out[w.judge().Nodes[0]] = 1
	w.do(w.course.Event(w.reading(w.judge().Nodes[0])))
	check(t, w.judge(), false, "gave something")
}

func TestLiarsAreCutOffAndTheOthersFinish(t *testing.T) {
	w := newWorld(t, "mesh", "liar:1", 4, 64).run()
	check(t, w.judge(), true, "3 wrong chunks arrived, were found out", "All 3 others got the file")
	w = newWorld(t, "mesh", "liar:1", 4, 64)
	w.believes = true
	check(t, w.run().judge(), false, "they were not cut off")
	w = newWorld(t, "mesh", "liar:1", 4, 64)
	w.atOnce = faultinject.MaxWrong // all on their way when the first is found wrong
	check(t, w.run().judge(), true, "18 wrong chunks arrived, were found out")
	check(t, newWorld(t, "star", "liar:1", 4, 64).run().judge(), true, "No wrong chunk arrived", "All receivers got the file")
}

func TestAFaultThatNeverHappenedIsNotMet(t *testing.T) {
	for text, want := range map[string]string{
		"churn:200s":             "it was over before 3m20s had passed",
		"stop-origin@99.9%":      "before the server could be stopped",
		"kill-receivers:1@99.9%": "before anybody could be killed",
	} {
		check(t, newWorld(t, "star", text, 2, 2).run().judge(), false, want)
	}
}

func TestSlowReceiversAreWaitedForByNobody(t *testing.T) {
	at := func(slow, fast float64) labdir.Fault {
		w := newWorld(t, "mesh", "slow:1", 4, 1000) // 100 s for the slow one, 100 s for the origin's copy
		w.what.Links = system.Equal(4, 100*chunk, 100*chunk, 100*chunk)
		w.course = faultinject.NewPlan(parse(t, "slow:1"), w.what).Begin()
		for name := range w.has {
			w.has[name] = content.FullSet(1000)
			w.now = fast
			if w.course.Trait(name) == "slow" {
				w.now = slow
			}
			w.do(w.course.Event(w.reading(name)))
		}
		w.now = slow
		return w.judge()
	}
	check(t, at(100, 10), true, "The others had the file at 10 s, the slow at 100 s")
	check(t, at(100, 90), false, "the others were held back")
}
