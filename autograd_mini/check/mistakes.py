"""The mistakes that the check tools name: a stable name for each, and one sentence that says what it is.

A name never changes once it is published: tests, `ag.audit`'s JSON and people's notes refer to it.

>>> MISTAKES["wrong_sign"]
'The sign is wrong: what is subtracted should be added, or the reverse.'
"""

# Gradients, which `ag.diagnose` and `ag.audit` name.
GRADIENT_MISTAKES = {
    # sizes and signs
    "wrong_sign": "The sign is wrong: what is subtracted should be added, or the reverse.",
    "not_divided_by_batch": "The loss is a mean over the batch, and the gradient is not divided by its size.",
    "divided_by_batch_twice": "The gradient is divided by the size of the batch once more than the loss is.",
    "wrong_mean": "The mean is taken over another number of elements than the loss takes it over.",
    "wrong_factor": "The gradient is right but for a constant factor.",
    "factor_two": "The 2 that a square's derivative brings is missing, or there once too often.",
    "learning_rate_in_gradient": "The gradient has been multiplied by the learning rate already.",
    "multiplied_by_loss": "The gradient has been multiplied by the loss's value.",
    # the loss
    "loss_for_derivative": "The loss's value is passed back where its derivative belongs.",
    "loss_derivative_missing": "The loss's own derivative is left out: this is the gradient of the output.",
    "delta_of_another_loss": "The output's delta belongs to another pair of activation and loss.",
    "inner_derivative_missing": "The derivative of an inner function is forgotten in a chain rule.",
    # activations
    "activation_derivative_missing": "The activation's derivative is left out.",
    "activation_derivative_twice": "The activation's derivative is applied twice.",
    "derivative_at_activation": "The derivative is taken at the activation, where the pre-activation belongs.",
    "derivative_at_preactivation": "A formula for the activation is given the pre-activation.",
    "derivative_at_wrong_array": "The derivative is taken at an array that is not the function's input.",
    "value_for_derivative": "A function's value is used in place of its derivative.",
    "derivative_of_another_function": "The derivative belongs to another function than the forward pass uses.",
    "cases_exchanged": "The two cases of the derivative, above and below 0, are exchanged.",
    "constant_term_missing": "A constant term of the derivative is missing.",
    "function_left_out": "A function is left out of the formula: its argument stands in its place.",
    "term_missing": "A term of a sum is left out of the derivative.",
    "square_missing": "A square in the derivative is missing, or there where it should not be.",
    "softmax_elementwise": "Softmax is treated as elementwise: its Jacobian's off-diagonal is left out.",
    "softmax_jacobian_not_multiplied": "Softmax's Jacobian is summed up before it has met the gradient.",
    "softmax_twice": "Softmax is applied to what is its output already.",
    "slope_on_wrong_side": "The activation's derivative is multiplied after the weights, not before them.",
    # weights and matrix products
    "weights_missing": "The delta is passed back without the layer's weights.",
    "input_missing": "The delta itself is taken for the weights' gradient, without the layer's input.",
    "weights_updated_before_use": "The weights were updated before the delta below was computed with them.",
    "gradient_for_value": "An array's gradient is used in place of the array itself.",
    "wrong_array": "Another array stands where this one belongs.",
    "output_for_input": "The layer's own output is used where its input belongs.",
    "wrong_gradient_arrives": "Another array's gradient is passed on in place of the one that arrives here.",
    "transposed": "A transpose is missing, or there where it should not be.",
    "elementwise_for_matrix_product": "An elementwise product stands where a matrix product belongs.",
    "factor_missing": "A factor of the product rule is left out.",
    # sums
    "not_summed": "The samples' gradients are not summed.",
    "averaged": "An average is taken where the loss asks for the sum.",
    "wrong_axis": "The sum or mean runs over the wrong axis.",
    "one_sample_only": "Only one sample's contribution is kept.",
    "summed_before_product": "The errors are summed before each has met its own sample.",
    "part_missing": "A part of the array gets no gradient.",
    "gradient_missing": "No gradient was written into the array.",
    # paths
    "path_missing": "One of several uses is left out: = stands where += belongs.",
    "not_zeroed": "The gradients of earlier steps are still in the sum.",
    "index_overwritten": "A repeated index keeps its last share only: x[i] += … does not add up.",
    "wrong_index": "The gradient is written to, or read from, the wrong positions.",
    "mask_missing": "The mask of the forward pass is not applied to the gradient.",
    "statistics_held_constant": "A mean or variance that depends on the data is treated as a constant.",
    # penalties
    "penalty_missing": "The gradient of the regularisation penalty is left out.",
    "penalty_sign": "The gradient of the regularisation penalty is subtracted.",
    "penalty_factor": "The gradient of the regularisation penalty has a wrong factor.",
    "penalty_value": "The penalty itself is used in place of its derivative.",
    "penalty_added": "A penalty is applied to a parameter that the loss does not penalise.",
    # the forward pass
    "unexplained": "The gradient is wrong, and no mistake known here gives these numbers.",
    "forward_differs": "The forward values differ from the recorded ones already.",
}

# The derivative of a function, which `ag.check_derivative` names beside those above.
DERIVATIVE_MISTAKES = {
    "right_at_zero_only": "The derivative is right at 0 and nowhere else.",
    "mixes_rows": "One element's result depends on the others.",
    "writes_into_argument": "The function changes the array that it is given.",
    "scalar_only": "The function takes single numbers and fails on arrays.",
    "integer_result": "The result is cut to integers.",
    "wrong_shape": "The result has another shape than the argument.",
    "not_finite": "The result is not a finite number.",
    "wrong_derivative": "The derivative is wrong, in a way that has no name here.",
}

# Numerical gradients, which `ag.check_gradients` names.
NUMERICAL_MISTAKES = {
    "wrong_gradient": "The gradient differs from the numerical one by more than its error.",
    "kink": "The function has a kink or a jump here, so there is no one derivative.",
    "step_too_small": "The numerical gradient's step is too small: rounding drowns the difference.",
    "step_too_large": "The numerical gradient's step is too large: the difference is not yet the slope.",
    "step_lost_in_integers": "The numerical gradient's step is cut off by an array of integers.",
    "step_not_divided": "The numerical gradient is divided by the wrong multiple of its step.",
    "not_deterministic": "The function gives different values for the same input.",
}

# An optimiser's step, which `ag.diagnose_update` names.
UPDATE_MISTAKES = {
    "update_sign": "The step goes up the gradient: it is added where it should be subtracted.",
    "rate_factor": "The step is a constant multiple of the right one.",
    "rate_twice": "The learning rate is applied twice.",
    "rate_inverse": "The step is divided by the learning rate where it should be multiplied.",
    "bias_correction_missing": "Adam's moments are not corrected for their bias towards 0.",
    "bias_correction_without_power": "Adam's bias correction lacks the power t: 1 − β in place of 1 − βᵗ.",
    "bias_correction_multiplied": "Adam's bias correction multiplies where it should divide.",
    "bias_correction_stored": "Adam's corrected moments are stored, so the next step corrects them again.",
    "bias_correction_swapped": "A moment of Adam's is corrected with the other moment's β.",
    "bias_correction_of_one": "Only one of Adam's two moments is corrected for its bias.",
    "epsilon_inside_root": "ε is added inside the square root, where it belongs outside.",
    "epsilon_missing": "ε is left out or of another size.",
    "betas_swapped": "β1 and β2 are swapped.",
    "step_counter_off": "The step counter starts at the wrong number.",
    "step_counter_per_parameter": "The step counter is raised for each parameter in place of each step.",
    "momentum_missing": "The momentum's buffer is not carried from step to step.",
    "momentum_sign": "The momentum's buffer is subtracted where it should be added.",
    "momentum_times_rate": "The momentum's term carries the learning rate once more.",
    "momentum_dampened": "The gradient is multiplied by 1 − momentum in the momentum's buffer.",
    "old_buffer_used": "The step is made with the buffer of the step before.",
    "nesterov_mixed": "Nesterov's look-ahead is missing, or there where it is not meant.",
    "gradient_added_whole": "The gradient is added to the mean whole, without the factor 1 − β1.",
    "square_of_mean": "The second moment is made of the mean's square, not of the gradient's.",
    "weights_swapped": "The old mean and the new value have each other's weight: α and 1 − α are swapped.",
    "square_added_whole": "The new square is added to the mean whole, without the factor 1 − α.",
    "square_missing": GRADIENT_MISTAKES["square_missing"],
    "root_missing": "The second moment is not put under the square root.",
    "moments_shared": "All parameters share one buffer.",
    "squares_accumulated": "The squares are summed up for ever, where a moving mean is meant.",
    "decay_missing": "Weight decay is left out.",
    "decay_added": "There is weight decay, and the optimiser is meant to have none.",
    "decay_coupled": "Weight decay goes through the moments where it should act on the weights.",
    "decay_decoupled": "Weight decay acts on the weights where it should go through the gradient.",
    "decay_sign": "Weight decay makes the weights grow.",
    "decay_factor": "Weight decay has a constant factor too much: a 2 more or less.",
    "decay_without_rate": "Weight decay is not multiplied by the learning rate.",
    "not_zeroed": GRADIENT_MISTAKES["not_zeroed"],
    "previous_gradient": "The step is made with the gradient of the step before.",
    "updated_from_start": "Every step starts from the first weights.",
    "integers_truncated": "The weights are integers: every step is cut off.",
    "another_optimizer": "The step is that of another optimiser.",
}

# What only a whole script shows, which `ag.audit` names.
SCRIPT_MISTAKES = {
    "stale_parameter": "What is updated is not what the forward pass reads.",
    "forward_reduction": "The forward pass reduces over other elements than the loss means.",
}

# Training that does not train, which `ag.doctor` names.
TRAINING_MISTAKES = {
    # the data and the loss
    "data_not_finite": "The data hold NaN or infinity.",
    "forward_raises": "The forward pass ends in an error.",
    "not_finite": "Numbers stop being finite in the first pass.",
    "broadcast_pairs": "The loss is taken over all pairs of samples: (n, 1) and (n,) broadcast to (n, n).",
    "labels_out_of_range": "A label is outside the range that the loss has classes or probabilities for.",
    "targets_out_of_range": "Targets lie outside the range of the output's activation, which cannot reach them.",
    # the graph
    "cut_off": "The loss does not depend on any parameter, so nothing can be trained.",
    "parameter_unused": "The loss does not depend on some parameters, which stay as they are.",
    "parameter_not_in_optimizer": "The optimiser was not given all of the model's parameters.",
    "not_zeroed": GRADIENT_MISTAKES["not_zeroed"],
    "zero_gradient": "The loss depends on the parameters in steps: every gradient is exactly 0.",
    # outputs
    "not_a_probability": "The loss takes probabilities, and the output has no activation that makes some.",
    "softmax_wrong_axis": "Softmax runs over the samples, where it should run over the classes.",
    "softmax_of_one": "Softmax of a single output is 1 whatever goes in.",
    "softmax_twice": GRADIENT_MISTAKES["softmax_twice"],
    "sigmoid_twice": "The sigmoid is applied to what is its output already.",
    "dead_output": "A ReLU on the outputs is dead: it is 0 for every sample, and has no gradient to come back by.",
    # units and weights
    "equal_weights": (
        "Units of a layer start from equal weights (zero, say) and do the same: nothing breaks the symmetry."
    ),
    "dead_units": (
        "Most ReLU units of a layer are dead: they are 0 for every sample, so they have no gradient."
    ),
    "units_die": (
        "Your ReLU units die in the first steps: 0 for every sample, they have no gradient to come back by."
    ),
    "saturated_units": "Units are saturated: their slopes are about 0, and so are the gradients behind.",
    "vanishing_gradients": "The gradients vanish on the way down to the first layers.",
    "exploding_gradients": "The gradients explode on the way down to the first layers.",
    # sizes and rates
    "inputs_unscaled": "The inputs are not scaled, so one learning rate cannot fit all weights.",
    "targets_unscaled": "The targets are not scaled: they are far from the size of the outputs.",
    "initial_loss_high": "The first loss is far above chance, that of a constant guess.",
    "rate_too_large": "The learning rate is too large: the loss goes up.",
    "rate_too_small": "The learning rate is too small: the loss hardly moves.",
    "cannot_overfit": "The network cannot even overfit one small batch, learn it by heart.",
}

MISTAKES = GRADIENT_MISTAKES | DERIVATIVE_MISTAKES | NUMERICAL_MISTAKES
MISTAKES |= UPDATE_MISTAKES | SCRIPT_MISTAKES | TRAINING_MISTAKES
