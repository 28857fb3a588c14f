"""Optimizer steps. On a GPU one CUDA graph holds the whole step: batch, forward, backward, clipping, update."""

import copy
import math
import time

import torch


class Stepper:
    """Trains a model and keeps a moving average of its weights.

    `loss()` draws its own batch. On a GPU `model` is converted to bfloat16 in place.
    """

    def __init__(self, model, loss, lr, ema_decay=0.999, ema_every=8):
        self.model, self.loss, self.peak = model, loss, lr
        self.ema = copy.deepcopy(model).requires_grad_(False)
        self.ema_decay, self.ema_every = ema_decay, ema_every
        self.cuda = next(model.parameters()).is_cuda
        # The optimizer updates weights in single precision; on a GPU the model computes with copies in bfloat16.
        self.masters = [p.detach().clone() for p in model.parameters()]
        self.working = list(model.to(torch.bfloat16 if self.cuda else torch.float32).parameters())
        self.lr = torch.tensor(lr, device=self.masters[0].device)
        self.optimizer = torch.optim.AdamW(self.masters, lr=self.lr if self.cuda else lr, betas=(0.9, 0.98),
                                           weight_decay=0.01, fused=self.cuda, capturable=self.cuda)
        self.mean_loss = torch.zeros((), device=self.lr.device)
        self.steps = 0

    def _step(self):
        for p in self.working:
            p.grad = None
        loss = self.loss()
        loss.backward()
        with torch.no_grad():
            for master, working in zip(self.masters, self.working):
                master.grad = None if working.grad is None else working.grad.float()
            torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
            self.optimizer.step()
            torch._foreach_copy_(self.working, self.masters)
            self.mean_loss.lerp_(loss.detach().float(), 0.01)

    def _capture(self):
        if not self.cuda:
            return self._step
        self.lr.fill_(self.peak / 100)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self.graph = graph
        return graph.replay

    @torch.no_grad()
    def _average(self):
        decay = min(self.ema_decay, (self.steps + 1) / (self.steps + 100)) ** self.ema_every
        torch._foreach_lerp_(list(self.ema.parameters()), self.masters, 1 - decay)

    def train(self, log, steps=0, seconds=math.inf, warmup=200, decay_to=0.05, every=30.0, save=None,
              deadline=math.inf):
        """Trains for `steps` steps, rounded up to a multiple of `ema_every`, and returns the moving average.

        The learning rate rises over `warmup` steps and falls as a cosine to the share `decay_to` of its peak.
        With `steps` the cosine follows the steps, so that the clock has no influence on a run that no limit ends.
        Without, it follows the time, and `seconds` or `deadline` must be finite.

        `seconds` is a time limit, counted from the first step after the capture; `deadline` is a limit on
        `time.time()`. Every `every` seconds the progress is logged and `save` is called with the moving average.
        """
        begin = time.time()
        step = self._capture()
        if self.cuda:
            torch.cuda.synchronize()
        log(event="captured", seconds=time.time() - begin)
        start = last = time.time()
        last_steps = self.steps
        seconds = min(seconds, deadline - start)
        limit = steps or math.inf
        while (elapsed := time.time() - start) < seconds and self.steps < limit:
            fraction = self.steps / steps if steps else elapsed / seconds
            cosine = decay_to + (1 - decay_to) * (0.5 + 0.5 * math.cos(math.pi * fraction))
            rate = self.peak * min(1.0, (self.steps + 1) / warmup) * cosine
            self.lr.fill_(rate)
            if not self.cuda:
                self.optimizer.param_groups[0]["lr"] = rate
            for _ in range(self.ema_every):
                step()
            self.steps += self.ema_every
            self._average()
            if self.steps % (4 * self.ema_every) == 0 and self.cuda:
                torch.cuda.synchronize()
            if time.time() - last > every:
                log(steps=self.steps, loss=self.mean_loss.item(), lr=rate, seconds=elapsed,
                    steps_per_second=(self.steps - last_steps) / (time.time() - last))
                last, last_steps = time.time(), self.steps
                if save:
                    save(self.ema)
        log(event="done", steps=self.steps, complete=not steps or self.steps >= steps, loss=self.mean_loss.item(),
            seconds=time.time() - begin, steps_per_second=(self.steps - last_steps) / max(time.time() - last, 1e-3))
        self.graph = None
        return self.ema
