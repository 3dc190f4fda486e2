"""A TCP proxy on loopback whose connections can fail as on a network: cut (both ends see the end),
held (nothing passes, neither end notices), held in one direction only."""
import selectors
import socket
import threading

CHUNK = 1 << 16


class Proxy:
    """with Proxy(target_port) as proxy: connect to proxy.port. hold(up=True, down=True): from the client to the server,
    and back; hold_after(words): replies, from where a client sends these bytes, which sets `held`; release(): what was held
    passes again; cut(): ends every connection and refuses new ones until release(). sent: the first that clients sent."""

    def __init__(self, target_port):
        self.target = ("127.0.0.1", target_port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.wake_out, self.wake_in = socket.socketpair()
        self.lock = threading.Lock()
        self.wanted = {"hold": frozenset(), "cut": False, "end": False, "after": b""}
        self.held, self.sent = threading.Event(), b""
        self.holds = frozenset()
        self.peers = {}  # socket -> (other end, direction, bytes on their way to the other end)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wake_in, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tell(end=True)
        self.thread.join(10)

    def tell(self, **wishes):
        with self.lock:
            self.wanted.update(wishes)
        self.wake_out.send(b".")

    def hold(self, up=True, down=True):
        self.tell(hold=frozenset([name for name, on in (("up", up), ("down", down)) if on]))

    def hold_after(self, words):
        self.held.clear()
        self.tell(after=words)

    def cut(self):
        self.tell(cut=True)

    def release(self):
        self.tell(hold=frozenset(), cut=False, after=b"")

    # The thread

    def run(self):
        while True:
            for key, events in self.selector.select():
                if key.fileobj is self.wake_in:
                    self.wake_in.recv(CHUNK)
                    if not self.obey():
                        return
                elif key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in self.peers:
                    self.move(key.fileobj, events)

    def obey(self):
        with self.lock:
            wanted = dict(self.wanted)
        self.holds = wanted["hold"]
        if wanted["cut"] or wanted["end"]:
            for end in list(self.peers):
                self.drop(end)
        self.refusing, self.after = wanted["cut"], wanted["after"]
        for end in self.peers:
            self.watch(end)
        if wanted["end"]:
            self.listener.close()
            self.selector.close()
        return not wanted["end"]

    refusing, after = False, b""

    def look_for_words(self, data):
        if len(self.sent) < CHUNK:
            self.sent += data
        if self.after and self.after in data:
            self.after, self.holds = b"", frozenset(["down"])
            for end in self.peers:
                self.watch(end)
            self.held.set()

    def accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        try:
            server = None if self.refusing else socket.create_connection(self.target, 2)
        except OSError:
            server = None
        if not server:
            client.close()
            return
        for end, other, direction in ((client, server, "up"), (server, client, "down")):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[end] = (other, direction, bytearray())
        for end in (client, server):
            self.selector.register(end, selectors.EVENT_READ)
            self.watch(end)

    def watch(self, end):
        """Read where there is nothing on its way, write where there is; a held direction does neither."""
        other, direction, waiting = self.peers[end]
        reads = direction not in self.holds and not waiting
        back = self.peers[other]
        writes = bool(back[2]) and back[1] not in self.holds
        events = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if writes else 0)
        known = end in self.selector.get_map()
        if events and known:
            self.selector.modify(end, events)
        elif events:
            self.selector.register(end, events)
        elif known:
            self.selector.unregister(end)

    def move(self, end, events):
        other, direction, waiting = self.peers[end]
        try:
            if events & selectors.EVENT_READ and direction not in self.holds and not waiting:
                data = end.recv(CHUNK)
                if not data:
                    self.drop(end)
                    return
                if direction == "up":
                    self.look_for_words(data)
                waiting += data
                self.send(other, waiting)
            if events & selectors.EVENT_WRITE:
                self.send(end, self.peers[other][2])
        except OSError:
            self.drop(end)
            return
        self.watch(end)
        self.watch(other)

    @staticmethod
    def send(end, waiting):
        try:
            del waiting[:end.send(waiting)]
        except BlockingIOError:
            pass

    def drop(self, end):
        if end not in self.peers:
            return
        other = self.peers[end][0]
        for one in (end, other):
            if one in self.selector.get_map():
                self.selector.unregister(one)
            self.peers.pop(one, None)
            one.close()
