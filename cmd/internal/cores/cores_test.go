package cores

import (
	"runtime"
	"testing"
	"time"
)

func TestOneCoreIsKeptOnlyWhileItIsEnough(t *testing.T) {
	for _, test := range []struct {
		one   bool
		share float64
		want  bool
	}{
		{true, 0.1, true}, {true, 0.59, true}, {true, 0.7, false}, {true, 1, false},
		{false, 1.9, false}, {false, 0.4, false}, {false, 0.1, true},
	} {
		if got := enough(test.one, test.share); got != test.want {
			t.Errorf("enough(%v, %v) = %v", test.one, test.share, got)
		}
	}
}

func TestABusyProcessGetsItsCoresBack(t *testing.T) {
	all := runtime.GOMAXPROCS(0)
	if _, ok := usage(); !ok || all == 1 {
		t.Skip("nothing to spare here")
	}
	end := Spare()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("it begins with %d cores", got)
	}
	for begin := time.Now(); runtime.GOMAXPROCS(0) != all; { // this is work
		if time.Since(begin) > 20*time.Second {
			t.Fatal("it stayed on one core")
		}
	}
	end()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("afterwards it has %d cores of %d", got, all)
	}
}
