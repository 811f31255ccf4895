package links

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"starmesh/common/fault"
)

// checkNetns tries what needs the rights: a user who is root in a container may
// have none.
func checkNetns() error {
	const instead = "use --links rate, which needs no rights and lets the program limit itself"
	if os.Geteuid() != 0 {
		return fault.Wrapf(fault.Refused, "netns links need root, to make network namespaces: run it as root, or %s", instead)
	}
	s, err := newSpace()
	if err != nil {
		return fault.Wrapf(fault.Refused, "%w (in a container that takes CAP_SYS_ADMIN and CAP_NET_ADMIN): %s", err, instead)
	}
	return s.close()
}

// maxPlaces is as many ports as a bridge of Linux can have, less some.
const maxPlaces = 1000

// hub is the namespace in the middle, and the door to its links.
type hub struct {
	*space
	*netlink.Handle
	bridge netlink.Link
	delay  time.Duration // that the kernel is to keep
}

func openNetns(rates []Rates, delay time.Duration) (*Network, error) {
	if len(rates) > maxPlaces {
		return nil, fault.Wrapf(fault.TooLarge, "netns links connect %d nodes at the most, and these are %d", maxPlaces, len(rates))
	}
	h, err := openHub()
	if err != nil {
		return nil, fmt.Errorf("netns links: %w", err)
	}
	n := &Network{delay: delay}
	if delay > 0 && h.canDelay() {
		h.delay, n.delay = delay, 0
	}
	n.close = sync.OnceValue(func() error { return closeAll(h, n.places) })
	cubic := true
	for i, r := range rates {
		space, usual, err := h.connect(i, r)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("netns links, node %d of %d: %w", i, len(rates), err), n.Close())
		}
		n.places = append(n.places, &Place{host: hostOf(i).String(), space: space})
		cubic = cubic && usual
	}
	n.about = about(cubic, h.delay) + ByItself(n.delay)
	return n, nil
}

func closeAll(h *hub, places []*Place) error {
	var errs []error
	for _, p := range places {
		errs = append(errs, p.space.close())
	}
	h.Handle.Close()
	return errors.Join(append(errs, h.space.close())...)
}

func openHub() (*hub, error) {
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	h := &hub{space: s}
	if err := h.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return h, nil
}

func (h *hub) open() (err error) {
	quietIPv6(h.space)
	if h.Handle, err = netlink.NewHandleAt(h.handle, unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("cannot speak to the kernel: %w", err)
	}
	// Nobody listens to the bridge itself, and it has nothing to say: without
	// snooping it sends no reports about multicast.
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "hub", MTU: mtu, TxQLen: -1}, MulticastSnooping: new(bool)}
	if err = h.LinkAdd(bridge); err != nil {
		err = fmt.Errorf("cannot make a bridge (does this kernel have the module bridge?): %w", err)
	} else if err = h.LinkSetUp(bridge); err != nil {
		err = fmt.Errorf("cannot start the bridge: %w", err)
	}
	if err != nil {
		h.Handle.Close()
		return err
	}
	h.bridge = bridge
	return nil
}

// hostOf is the address of node i. Nobody else lives in these networks, so any
// private range will do.
func hostOf(i int) net.IP {
	return net.IPv4(10, 77, byte(i/250), byte(i%250+1)).To4()
}

func about(cubic bool, delay time.Duration) string {
	control := "TCP congestion control cubic"
	if !cubic {
		control = "TCP congestion control as this system has it"
	}
	late := "no added delay or loss"
	if delay > 0 {
		late = fmt.Sprintf("%v later on its way (netem), no added loss", delay)
	}
	return fmt.Sprintf("every node in a network namespace of its own, behind a link that the kernel shapes at both ends: "+
		"token bucket of ten frames or 1 ms, queue of 50 ms, MTU %d, IPv4, %s; %s", mtu, late, control)
}
