"""TFP's bijector cache, for bijectors that own variables."""

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import record
from tensorflow_probability.python.internal import cache_util

# The attribute of a graph that holds what was computed in it.
_GRAPH_STORAGE = "_tfglow_bijector_cache"
_COMPUTED_BY = "computed_by"


class OnePassCache(cache_util.BijectorCacheWithGreedyAttrs):
    """Remembers a value with the log-det of the same pass, and forgets both when it should.

    TFP's cache answers with a result for as long as it is alive, whatever happened since. Here

    - a tensor that two replicas or two functions share is not answered with the other's result:
      the key also holds the replica, and each graph has a cache of its own, which goes with it
      (in a common one, a log-det keeps its graph alive, and with it all that the graph holds);
    - under a gradient tape only what this tape has recorded is remembered: with the latent of a
      sample that was drawn before, or of the step before, there would be no gradient;
    - eagerly and under no tape a value is always computed, as variables may have changed; a
      log-det is still that of the last value, as long as it is alive;
    - a log-det is forgotten with its value. (TFP keeps it as long as the input.)
    """

    def __get__(self, bijector, bijector_class=None):
        context = tf.distribute.get_replica_context()
        replica = None if context is None else context.replica_id_in_sync_group
        if tf.is_tensor(replica):
            replica = id(context)
        bound = super().__get__(bijector, (bijector_class, replica))
        if not tf.executing_eagerly():
            graph = tf.compat.v1.get_default_graph()
            if not hasattr(graph, _GRAPH_STORAGE):
                setattr(graph, _GRAPH_STORAGE, cache_util.EphemeralDict())
            bound.storage = getattr(graph, _GRAPH_STORAGE)
        return bound

    def _lookup(self, input, forward_name, inverse_name, **kwargs):  # noqa: A002 (TFP's own name)
        remembers = record.could_possibly_record() or not tf.executing_eagerly()
        self._forget_unless_current(input, forward_name, kwargs, remembers)
        return super()._lookup(input, forward_name, inverse_name, **kwargs)

    def _attributes(self, input, fn_name, **kwargs):  # noqa: A002
        self._forget_unless_current(input, fn_name, kwargs, remembers=True)
        return super()._attributes(input, fn_name, **kwargs)

    def _invoke(self, input, fn_name, kwargs, attributes):  # noqa: A002
        attributes[_COMPUTED_BY] = fn_name
        return super()._invoke(input, fn_name, kwargs, attributes)

    def _forget_unless_current(self, input, fn_name, kwargs, remembers):  # noqa: A002
        edge = self._get_or_create_edge(input, fn_name, kwargs)
        if not (remembers and edge.output_ref and _is_on_the_tape(edge, fn_name)):
            # The other direction keeps the attributes that it has.
            forgotten = edge._replace(output_ref=None, attributes={})
            self.storage[edge.input_ref] = forgotten


def _is_on_the_tape(edge, fn_name):
    """Whether a gradient would find the pass behind an edge; true where there is no tape."""
    if not record.could_possibly_record():
        return True
    computed = edge.output_ref if edge.attributes[_COMPUTED_BY] == fn_name else edge.input_ref
    results = [computed(), edge.attributes["ildj"]]
    return pywrap_tfe.TFE_Py_TapeSetPossibleGradientTypes(results) != 0
