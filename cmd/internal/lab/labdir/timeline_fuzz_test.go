package labdir_test

import (
	"bytes"
	"reflect"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
)

// FuzzReadEvents: a timeline may come from another machine; what is read of it can
// be written, and is the same when read again.
func FuzzReadEvents(f *testing.F) {
	f.Add([]byte(`{"run":"a","t":0.5,"begin":{"system":"mesh","nodes":[{"name":"origin"}]}}` + "\n" + `{"run":"a","t":1,"reading":{"node":"n1","chunk_map":"ff"}}`))
	f.Add([]byte(`{"Trial":"a","t":1e308,"end":{"distribution_s":null}}` + "\n" + `{"note":{"text":"\u001b[2J"}}` + "\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := labdir.ReadEvents(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		for i := range events {
			if err := labdir.WriteEvent(&again, &events[i]); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		if again.Len() > 1<<20 { // a line may be longer than is read: escapes grow
			return
		}
		twice, err := labdir.ReadEvents(bytes.NewReader(again.Bytes()))
		if err != nil || len(twice) != len(events) {
			t.Fatalf("%d events became %d: %v", len(events), len(twice), err)
		}
		for i := range events {
			if !reflect.DeepEqual(events[i], twice[i]) {
				t.Errorf("%+v became %+v", events[i], twice[i])
			}
		}
	})
}
