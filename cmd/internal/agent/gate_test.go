package agent_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/cmd/internal/agent"
)

func TestAGateOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, passed := 0, time.Time{}
		gate := agent.NewGate(func() { opened++ })
		began := time.Now()
		go func() {
			if gate.Wait(t.Context()) == nil {
				passed = time.Now()
			}
		}()
		time.Sleep(time.Hour)
		for range 2 {
			if _, err := gate.Open(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if opened != 1 || passed.Sub(began) != time.Hour {
			t.Errorf("it opened %d times; passed after %v", opened, passed.Sub(began))
		}
	})
}

func TestAGateEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := agent.NewGate(nil).Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	var none *agent.Gate
	if err := none.Wait(ctx); err != nil {
		t.Errorf("without a gate there is nothing to wait for, but %v", err)
	}
}
